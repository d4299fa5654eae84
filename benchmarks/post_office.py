"""django-post_office with the same message: render from a template, queue, send, record.

    python -m benchmarks.post_office COUNT PORT FOLDER

Prints the seconds. Run by `benchmarks.delivery`, in a process of its own.
"""

import sys
import time
from pathlib import Path

import django
from django.conf import settings

SUBJECT = "{{ name }}: cómo sacar más partido a su servicio"
TEXT = (Path(__file__).parent.parent / "tests/golden/email/education.es.txt").read_text("utf-8")


def main() -> None:
    count, port, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/db"}},
        INSTALLED_APPS=["post_office"],
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        POST_OFFICE={"BATCH_SIZE": 1000, "DEFAULT_PRIORITY": "medium",
                     "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"}},
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        LOGGING_CONFIG=None,
    )  # fmt: skip
    django.setup()
    from django.core.management import call_command
    from post_office import mail
    from post_office.models import EmailTemplate

    call_command("migrate", verbosity=0)
    words = TEXT.split("~~~~~")[0].replace("Ana Peña", "{{ name }}")
    html = "<p>" + words.replace("\n\n", "</p><p>") + "</p>"
    template = EmailTemplate.objects.create(
        name="education", subject=SUBJECT, content=words, html_content=html
    )
    start = time.perf_counter()
    for number in range(count):
        mail.send(
            f"c{number}@customers.example", "accounts@example.com", template=template,
            context={"name": f"Ana Peña {number}"},
        )  # fmt: skip
    while mail.get_queued():
        mail.send_queued(processes=1)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
