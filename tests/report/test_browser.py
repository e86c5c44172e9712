"""The page in a real browser: nothing in the console, nothing asked of the network."""

import json
import re
import shutil
import subprocess

import pytest

from platonica.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the path"),
]

QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


def browse(page, folder):
    """Return console messages, addresses that the page asked for, and the page as it ended."""
    log = folder / "net.json"
    done = subprocess.run(
        [
            CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}",
            "--enable-logging=stderr", "--dump-dom", page.as_uri(),
        ],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    console = re.findall(r"CONSOLE[:(].*", done.stderr)
    events = json.loads(log.read_text())["events"]
    starts = [e["params"] for e in events if "initiator" in e.get("params", {})]
    # the browser's own requests have no origin
    asked = {p["url"] for p in starts if p["initiator"] != "not an origin"}
    return console, asked, done.stdout


def test_no_console_message_and_no_request(run, tmp_path):
    console, asked, page = browse(write_report(run, tmp_path / "report.html"), tmp_path)
    assert console == []
    assert asked == set()
    assert page.count("<svg") == 8


def test_the_check_can_fail(run, tmp_path):
    target = write_report(run, tmp_path / "report.html")
    spoilt = re.sub(r"<meta http-equiv[^>]*>", "", target.read_text()).replace(
        "</body>",
        '<img src="http://127.0.0.1:9/x.png"><script>console.error("planted")</script></body>',
    )
    target.write_text(spoilt)
    console, asked, _ = browse(target, tmp_path)
    assert any("planted" in line for line in console)
    assert asked == {"http://127.0.0.1:9/x.png"}


def test_only_the_reports_own_script_may_run(run, tmp_path):
    target = write_report(run, tmp_path / "report.html")
    target.write_text(
        target.read_text().replace(
            "</body>", "<script>document.body.id = 'taken over'</script></body>"
        )
    )
    console, _, page = browse(target, tmp_path)
    assert "taken over" not in page.split("<script>document", 1)[0]
    assert any("Content Security Policy" in line for line in console)


def test_a_click_on_a_heading_sorts_within_each_group(one_measure, tmp_path):
    target = write_report(one_measure, tmp_path / "report.html")
    click = "<script>document.querySelectorAll('.sortable thead th')[5].click()</script></body>"
    free = re.sub(r"<meta http-equiv[^>]*>", "", target.read_text())
    target.write_text(free.replace("</body>", click))
    console, _, page = browse(target, tmp_path)
    assert console == []
    table = re.search(r'<table class="pairs sortable">.*?</table>', page, re.S).group()
    for body in re.findall(r"<tbody>(.*?)</tbody>", table, re.S):
        rows = re.findall(r"<tr.*?</tr>", body, re.S)
        assert 'class="group"' in rows[0]
        values = [re.findall(r'data-v="([^"]*)"', row)[5] for row in rows[1:]]
        numbers = [float(v) for v in values if v]
        assert numbers == sorted(numbers, reverse=True)
        assert values[len(numbers) :] == [""] * (len(values) - len(numbers))
