"""The HTML report of many findings in a headless Chromium: how large, how soon usable, how smooth. Asserts nothing.

    python bench/html.py [--findings 100000] [--throttle 1] [--keep FILE]

``--throttle 4`` slows the browser's processor to a quarter (DevTools), as a stand-in for a modest laptop. Needs
chromium and chromium-driver: tools/browser-tools.sh.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.browser import fleet
from tests.browser.browser import Browser, chromium, missing

from imagegate.report.formats import FORMATS
from imagegate.report.past import Context
from imagegate.report.stored import document_of
from imagegate.report.write import write_file

CHECKS = 6

WATCH = """
window.long = [];
new PerformanceObserver((list) => window.long.push(...list.getEntries().map((one) => one.duration)))
  .observe({ type: "longtask", buffered: true });
"""

SCROLL = """
const [done, step, frames] = [arguments[3], arguments[0], arguments[1]];
const long = [];
const watch = new PerformanceObserver((list) => long.push(...list.getEntries().map((one) => one.duration)));
watch.observe({ type: "longtask" });
const times = [];
let before = performance.now();
let left = frames;
scrollTo(0, document.querySelector("#list").getBoundingClientRect().top + scrollY);
const next = (now) => {
  times.push(now - before);
  before = now;
  left -= 1;
  if (left) {
    if (arguments[2]) scrollTo(0, Math.random() * document.documentElement.scrollHeight);
    else scrollBy(0, step);
    requestAnimationFrame(next);
  } else setTimeout(() => done({ times: times.slice(2), long, nodes: document.querySelectorAll("*").length }), 300);
};
requestAnimationFrame(next);
"""

SEARCH = """
const done = arguments[1];
const told = document.querySelector(".told");
const box = document.querySelector("#query");
const long = [];
const watch = new PerformanceObserver((list) => long.push(...list.getEntries().map((one) => one.duration)));
watch.observe({ type: "longtask" });
const before = told.textContent;
const begun = performance.now();
box.value = arguments[0];
box.dispatchEvent(new InputEvent("input"));
const look = () => {
  if (told.textContent !== before && !told.textContent.includes("…")) {
    setTimeout(() => done({ ms: performance.now() - begun, said: told.textContent, long }), 50);
  } else setTimeout(look, 4);
};
setTimeout(look, 160);
"""

CLICK = """
const done = arguments[1];
const begun = performance.now();
document.querySelector(arguments[0]).click();
requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun), 0));
"""


def main() -> int:
    """Measure, and print a line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--throttle", type=float, default=1)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    if lacking := missing():
        print(f"this needs {lacking}")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder) / "report.html"
        make(Path(folder), path, given.findings)
        with chromium(Path(folder) / "profile") as browser:
            browser.command("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
            browser.command("Emulation.setCPUThrottlingRate", rate=given.throttle)
            browser.driver.set_script_timeout(300)
            browser.command("Performance.enable", timeDomain="threadTicks")
            measure(browser, path)
    return 0


def make(folder: Path, path: Path, findings: int) -> None:
    """Judge, and write the page."""
    made = fleet.audit_of_images(folder / "audit", -(-findings // CHECKS))
    say("findings", f"{len(made.findings):,}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    write_file(path, FORMATS["html"].render(document_of(made), Context(past=fleet.history(made))))
    say("rendered in", f"{time.perf_counter() - begun:.1f} s")
    say("memory above the result's", f"{(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024:.0f} MiB")
    say("file", f"{path.stat().st_size / 2**20:.1f} MiB")


def measure(browser: Browser, path: Path) -> None:
    """Open, scroll, search, filter, group."""
    opened = []
    for _ in range(5):
        browser.open(path)
        browser.wait("return performance.getEntriesByName('imagegate-ready').length")
        opened.append(browser.run("return performance.getEntriesByName('imagegate-ready')[0].startTime"))
    say("usable after (five times)", ", ".join(f"{one:.0f}" for one in sorted(opened)) + " ms")
    say("first paint", f"{browser.run('return performance.getEntriesByType(`paint`)[0]?.startTime ?? 0'):.0f} ms")
    say(
        "memory of the page", f"{browser.run('return performance.memory.usedJSHeapSize') / 2**20:.0f} MiB of JavaScript"
    )
    for name, step, jump in (("scrolling, 120 px a frame", 120, False), ("scrolling, 2,000 px a frame", 2000, False),
                             ("jumping anywhere", 0, True)):  # fmt: skip
        before = browser.metrics()
        found = browser.driver.execute_async_script(SCROLL, step, 240, jump)
        after = browser.metrics()
        spent = {
            name: 1000 * (after[name] - before[name]) / 240
            for name in ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
        }
        times = sorted(found["times"])
        worst, usual = times[-1], times[len(times) // 2]
        long = f"{len(found['long'])}, the longest {max(found['long']):.0f} ms" if found["long"] else "none"
        say(
            f"{name}: CPU a frame",
            ", ".join(f"{key.removesuffix('Duration')} {value:.2f}" for key, value in spent.items()) + " ms",
        )
        say(name, f"frames: median {usual:.1f}, p99 {times[int(0.99 * len(times))]:.1f}, worst {worst:.1f} ms; "
                  f"long tasks: {long}; {found['nodes']} elements")  # fmt: skip
    browser.run("scrollTo(0, 0)")
    say("all findings shown in", f"{browser.driver.execute_async_script(CLICK, '.row.end button'):.0f} ms")
    for text in ("golden-web-edge", "golden-web-edge pending", "de305d5475b4"):
        found = browser.driver.execute_async_script(SEARCH, text)
        long = ", ".join(f"{one:.0f}" for one in found["long"]) or "none"
        say(
            f"search {text!r}",
            f"{found['ms']:.0f} ms (150 of them waiting for more keys), {found['said']}; long tasks: {long}",
        )
    say(
        "grouped by check in",
        f"{browser.driver.execute_async_script(CLICK, '.choice button[aria-pressed=false]:nth-child(2)'):.0f} ms",
    )


def say(name: str, value: str) -> None:
    """One figure."""
    print(f"{name + ':':<32}{value}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
