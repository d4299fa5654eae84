"""brand.yaml: how the company looks. The file may be missing."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from retention.domain.brand import USUAL_BRAND, Brand, unreadable
from retention.domain.errors import ConfigError
from retention.yaml_files import PolicyModel

_COLOUR = "^#[0-9a-f]{6}$"
_MOST_BYTES = 60 * 1024
_STARTS = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<"}


class BrandDoc(PolicyModel):
    """`brand.yaml`."""

    colour: str = Field(USUAL_BRAND.colour, pattern=_COLOUR)
    dark_colour: str = Field(USUAL_BRAND.dark_colour, pattern=_COLOUR)
    logo: Path | None = None
    tax_id: str = Field("", max_length=60)

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        wrong = unreadable(self.colour, self.dark_colour)
        if wrong is not None:
            raise ValueError(wrong)
        return self

    def to_brand(self, home: Path) -> Brand:
        """Return the brand; a logo's path counts from `home`. Raises ConfigError."""
        logo = home / self.logo if self.logo else None
        if logo is not None:
            _require_picture(logo)
        return Brand(self.colour, self.dark_colour, logo, self.tax_id)


def _require_picture(path: Path) -> None:
    begins = _STARTS.get(path.suffix)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError("brand.yaml: logo", str(error), "Write the path of a file.") from error
    if begins is None or not data.lstrip().startswith(begins):
        raise ConfigError("brand.yaml: logo", f"'{path.name}' is no SVG or PNG", "Export it anew.")
    if len(data) > _MOST_BYTES:
        size = f"has {len(data) // 1024} KB"
        raise ConfigError("brand.yaml: logo", size, f"At most {_MOST_BYTES // 1024} KB.")
