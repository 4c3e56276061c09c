# SPDX-License-Identifier: Apache-2.0
"""Reports of the shop floor, read as their readers do: the PDF with poppler, the mail at a real SMTP server, each once."""
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from conftest import Node, wait_for
from ports import free_port
from test_alarm_delivery import certificate, mail_plan, serve_mail  # noqa: F401
from web_client import Api

DAY = (datetime.now(timezone.utc).replace(day=1) - timedelta(days=12)).replace(hour=6, minute=0, second=0, microsecond=0)
MONTH = f"{DAY:%Y-%m}"  # the last one that is over
MACHINES = ["hall/Fräse-1", "hall/Łódź", "hall/Станок", "hall/機械 <b>"]
SETTINGS = {"machines": [{"match": "hall/*", "cycle": "30s"}], "threshold": "1s"}


def stamp(t):
    return t.isoformat()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    node = Node(tmp_path_factory.mktemp("reports"))
    node.start()
    api = Api(node)
    for name in MACHINES:
        api.ok("POST", "assets", {"path": name, "kind": "machine"})
        for hour, state in ((0, "running"), (10, "stopped")):
            api.ok("POST", "intervals", {"path": name, "kind": "state", "start": stamp(DAY + timedelta(hours=hour)),
                                         "end": stamp(DAY + timedelta(hours=hour + 10)), "attributes": {"state": state}})
        api.ok("POST", "parts", {"asset": name, "good": 1234, "scrap": 7, "at": stamp(DAY + timedelta(hours=5))})
    api.ok("PUT", "shop", SETTINGS)
    yield node
    node.stop()


def pdf_text(data, folder):
    file = folder / "report.pdf"
    file.write_bytes(data)
    info = subprocess.run(["pdfinfo", file], capture_output=True, text=True, check=True)
    assert "A4" in info.stdout and "Error" not in info.stderr
    read = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True)
    assert "Error" not in read.stderr
    return read.stdout


def squeezed(text):
    return " ".join(text.split())


def test_a_month_is_the_same_in_html_and_pdf_and_has_the_figures_of_oee(shop, tmp_path):
    api = Api(shop)
    begin = DAY.astimezone().replace(day=1, hour=0)
    end = (begin + timedelta(days=40)).replace(day=1)
    oee = api.ok("GET", "oee", **{"from": stamp(begin), "to": stamp(end)})["total"]
    want = [f"{100 * oee[k]:.1f}%".replace(".", ",") for k in ("oee", "availability", "effectiveness", "quality")]
    page = api.get("reports/month", language="nl")
    assert page.headers["Content-Type"].startswith("text/html") and "script" not in page.headers["Content-Security-Policy"]
    assert "機械 &#60;b&#62;" in page.text and "<b>" not in page.text and "<script" not in page.text
    text = squeezed(pdf_text(api.get("reports/month", language="nl", format="pdf").content, tmp_path))
    for what in (*want, "Maandrapport", "Beschikbaarheid", "Verloren tijd per reden", "geen reden gegeven"):
        assert what in text and what in page.text, what
    for name in ("Fräse-1", "Łódź", "Станок"):
        assert name in text and name in page.text
    assert "Monthly report" in api.get("reports/month", language="en", format="text").text


def test_questions_that_make_no_sense_are_refused_in_words(shop):
    api = Api(shop)
    assert "2026-10" in api.refused(400, "GET", "reports/month", month="2026-00")
    assert "not begun" in api.refused(400, "GET", "reports/month", month=f"{DAY.year + 2}-12")
    assert "no asset" in api.refused(404, "GET", "reports/shift", asset="no/such")
    assert "language" in api.refused(400, "GET", "reports/shift", language="de")
    assert "shift nor month" in api.refused(400, "POST", "reports/send", {"report": "year"})
    api.ok("PUT", "shop", SETTINGS)
    assert "no address" in api.refused(400, "POST", "reports/send", {"report": "shift"})


def test_the_command_line_shows_and_keeps_a_report(shop, tmp_path):
    assert "Shift report" in shop.cli("flex", "report", "--language", "en").stdout
    shop.cli("flex", "report", "month", "--month", MONTH, "--language", "en", "--pdf", tmp_path / "a.pdf", MACHINES[0])
    assert "Good" in pdf_text((tmp_path / "a.pdf").read_bytes(), tmp_path)
    shop.cli("flex", "report", "--html", tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert "--month" in shop.cli("flex", "report", "shift", "--month", "2026-10", check=False).stderr
    assert "koppel flex oee --json" in shop.cli("flex", "report", "--json", check=False).stderr


def report_to(*who):
    """Due a minute ago by the clock of the node."""
    return {**SETTINGS, "report": {"mail": list(who), "at": f"{datetime.now() - timedelta(minutes=1):%H:%M}", "language": "nl"}}


def test_each_gets_the_shift_report_once_also_over_kill_9(shop, certificate, tmp_path):  # noqa: F811
    api, port = Api(shop), free_port()
    settings = report_to("anna@plant.example", "bob@plant.example")

    class Away:
        controller = type("C", (), {"port": port})
    api.ok("PUT", "alarm-delivery", {"mail": mail_plan(Away, certificate)})
    api.ok("PUT", "shop", settings)
    state = wait_for(lambda: (s := api.ok("GET", "reports"))["error"] and s, 30, "a try")
    assert "@plant.example" in state["error"] and state["sent"] == [] and state["next"] > state["last"]
    box = serve_mail(certificate, port)
    try:
        api.ok("PUT", "shop", settings)  # as good a reason as any to try again
        wait_for(lambda: len(box.mails) == 2, 30, "two mails")
        wait_for(lambda: len(api.ok("GET", "reports")["sent"]) == 2, 20, "the note of them")
        to, mail = box.mails[0]
        assert to == ["anna@plant.example"] and mail.get_content_type() == "multipart/alternative"
        plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
        assert mail["Subject"].startswith("test: Ploegenrapport") and plain.startswith("Ploegenrapport")
        assert html.startswith("<!doctype html>") and "Beschikbaarheid" in plain and "Beschikbaarheid" in html
        shop.kill()
        shop.start()
        settings["report"]["mail"].append("carl@plant.example")
        api = Api(shop)
        api.ok("PUT", "shop", settings)
        wait_for(lambda: len(box.mails) > 2, 30, "the third mail")
        wait_for(lambda: len(api.ok("GET", "reports")["sent"]) == 3, 20, "the note of it")
        assert [to for to, _ in box.mails] == [[f"{n}@plant.example"] for n in ("anna", "bob", "carl")]
        shop.cli("flex", "report", "month", "--month", MONTH, "--send")
        assert len(box.mails) == 6
        file = next(box.mails[3][1].iter_attachments())
        assert file.get_filename() == f"koppel-{MONTH}.pdf" and "Maandrapport" in pdf_text(file.get_content(), tmp_path)
    finally:
        box.controller.stop()
