"""Waivers and attestations: expired, unused, ending soon; and nothing said about use when not everything was judged."""

from datetime import timedelta

from tests.checks.harness import NOW, BadParams, ByHand, Fails, Passes, Table, given, wrong

from imagegate.model import Facts, Level
from imagegate.probes import WAIVERS, WaiversFact, WaiverUse

TODAY = NOW.date()


def use(days: int, used: int = 1, what: str = "waiver", line: int = 10, matches: int = 1) -> WaiverUse:
    """A permission that ends so many days from today."""
    until = TODAY + timedelta(days=days)
    return WaiverUse(
        what=what, check="catalog-image-protected", until=until, used=used, line=line, matches=matches
    )  # fmt: skip


def audit(*uses: WaiverUse, complete: bool = True) -> Facts:
    """How the permissions of a policy fared."""
    return given({WAIVERS: WaiversFact(waivers=uses, complete=complete, most=20)})


NAME = "waiver of catalog-image-protected (line 10)"
EXPIRED = wrong(NAME, "in force", "expired on 2026-11-21")
UNUSED = wrong(NAME, "used", "no finding needs it")
BROAD = wrong(NAME, "at most 20 targets", "it matches 21")
NARROW = (f"narrow the {NAME}, or raise limits.waiver_targets", Level.MANUAL)
RENEW = (f"renew the {NAME} with its approver, or delete it", Level.MANUAL)
DELETE = (f"delete the {NAME}", Level.MANUAL)

TABLE = Table(
    "policy-waivers-current",
    (
        Passes(name="none at all", seen=audit()),
        Passes(name="used and far from its end", seen=audit(use(100))),
        Passes(name="a day after the notice", seen=audit(use(15))),
        Passes(name="ends soon, first day of notice", seen=audit(use(14)), note=f"{NAME} ends on 2026-12-06"),
        Passes(name="its last day", seen=audit(use(0)), note=f"{NAME} ends on 2026-11-22"),
        Passes(name="ends soon, shorter notice", seen=audit(use(14)), want={"ending_soon_days": 13}),
        Passes(
            name="the last day, no notice",
            seen=audit(use(0)),
            want={"ending_soon_days": 0},
            note=f"{NAME} ends on 2026-11-22",
        ),
        Passes(name="not used in an incomplete audit", seen=audit(use(100, used=0), complete=False)),
        Passes(
            name="two that end soon",
            seen=audit(use(1), use(2, what="attestation", line=20)),
            note=f"{NAME} ends on 2026-11-23; attestation of catalog-image-protected (line 20) ends on 2026-11-24",
        ),
        Fails(name="expired yesterday", seen=audit(use(-1)), violations=(EXPIRED,)),
        Fails(name="expired, incomplete audit", seen=audit(use(-1), complete=False), violations=(EXPIRED,)),
        Fails(name="expired and unused is expired", seen=audit(use(-1, used=0)), violations=(EXPIRED,)),
        Fails(name="not used", seen=audit(use(100, used=0)), violations=(UNUSED,)),
        Fails(name="not used and ending soon", seen=audit(use(1, used=0)), violations=(UNUSED,)),
        Fails(
            name="one of two",
            seen=audit(use(100, line=1), use(100, used=0)),
            violations=(UNUSED,),
        ),
        Fails(
            name="an attestation",
            seen=audit(use(-1, what="attestation")),
            violations=(
                wrong("attestation of catalog-image-protected (line 10)", "in force", "expired on 2026-11-21"),
            ),
        ),
        Passes(name="matches as many as it may", seen=audit(use(100, matches=20))),
        Passes(name="an attestation of many", seen=audit(use(100, what="attestation", matches=500))),
        Fails(name="matches one too many", seen=audit(use(100, matches=21)), violations=(BROAD,)),
        Fails(name="and ends soon", seen=audit(use(1, matches=21), complete=False), violations=(BROAD,)),
        Fails(name="expired and over-broad is expired", seen=audit(use(-1, matches=21)), violations=(EXPIRED,)),
        Fails(name="over-broad and not used is not used", seen=audit(use(9, 0, matches=21)), violations=(UNUSED,)),
        ByHand(name="over-broad", seen=audit(use(100, matches=1234)), steps=(NARROW,), left=(NAME,)),
        ByHand(name="expired", seen=audit(use(-1)), steps=(RENEW,), left=(NAME,)),
        ByHand(name="not used", seen=audit(use(100, used=0)), steps=(DELETE,), left=(NAME,)),
        ByHand(name="both", seen=audit(use(-1), use(9, used=0)), steps=(RENEW, DELETE), left=(NAME, NAME)),
        BadParams(name="a negative notice", want={"ending_soon_days": -1}, message="greater than or equal to 0"),
    ),
)

test_case, test_table_is_complete = TABLE.tests()
