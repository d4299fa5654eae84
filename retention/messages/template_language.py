"""The small language of templates: values, filters, conditions, and parts. Nothing that repeats.

The sandbox of Jinja keeps templates from our objects, but not from time and memory: a loop or a
product of texts can take both. So a template is read before it is compiled, and whatever is not on
the list is refused. What is left ends after as many steps as the template has words.
"""

from jinja2 import Environment, nodes

from retention.messages.template_filters import FILTERS

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getattr,
    nodes.Filter,
    nodes.If,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Const,
    nodes.Include,
)
PARTS = "_parts/"


def check_language(environment: Environment, source: str, *, is_part: bool = False) -> None:
    """Raise ValueError for a template that uses more than values, filters, conditions and parts.

    A part may not include another one.
    """
    for node in environment.parse(source).find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            name = type(node).__name__
            raise ValueError(  # noqa: TRY004 - it is what the template says that is wrong
                f"line {node.lineno}: '{name}' is not used in templates"
            )
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise ValueError(f"line {node.lineno}: there is no filter '{node.name}'")
        if isinstance(node, nodes.Filter) and (node.args or node.kwargs):
            raise ValueError(f"line {node.lineno}: '{node.name}' takes no arguments")
        if isinstance(node, nodes.Include):
            _check_part(environment, node, is_part=is_part)


def _check_part(environment: Environment, node: nodes.Include, *, is_part: bool) -> None:
    name = node.template.value if isinstance(node.template, nodes.Const) else ""
    if is_part or not isinstance(name, str) or not name.startswith(PARTS):
        raise ValueError(
            f"line {node.lineno}: only a file of {PARTS} can be included, and only once"
        )
    loader = environment.loader
    if loader is None:
        raise ValueError("there are no parts to include")
    check_language(environment, loader.get_source(environment, name)[0], is_part=True)
