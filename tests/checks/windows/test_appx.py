"""AppX packages: whom sysprep stops at, whom it does not, and what a policy lets stay."""

from hypothesis import strategies as st
from tests.checks.harness import BadParams, Fails, Fixes, Passes, Table, given, wrong

from imagegate.model import Level, Phase
from imagegate.probes import APPX, AppxFact, AppxPackage


def package(name: str = "Contoso.Notes", *, users: int = 1, provisioned: bool = False, **kind: bool) -> AppxPackage:
    """A package; by default one at which sysprep stops."""
    full = f"{name}_1.2.3.0_x64__8wekyb3d8bbwe"
    return AppxPackage(full_name=full, name=name, users=users, provisioned=provisioned, **kind)


def installed(*packages: AppxPackage):
    """What is installed."""
    return given({APPX: AppxFact(packages=packages)})


def only_for(users: int, name: str = "Contoso.Notes"):
    """The violation of a package."""
    return wrong(
        f"package {package(name).full_name}", "provisioned for all users, or removed", f"installed for {users} of them only"
    )


def removes(name: str = "Contoso.Notes"):
    """The step for a package."""
    return (f"remove the package {package(name).full_name} for all users", Level.DISRUPTIVE)


HARMLESS = {
    "provisioned": package(provisioned=True),
    "a framework": package("Microsoft.VCLibs.140.00", framework=True),
    "a part of Windows": package("Microsoft.Windows.ShellExperienceHost", system=True),
    "staged, for nobody yet": package(users=0),
}
STAYS = "allowed by the policy, though sysprep may stop at it: Contoso.Notes_1.2.3.0_x64__8wekyb3d8bbwe"

TABLE = Table(
    "windows-appx-provisioned",
    (
        Passes(name="none", seen=installed()),
        Passes(name="all that is harmless", seen=installed(*HARMLESS.values())),
        *(Passes(name=name, seen=installed(one)) for name, one in HARMLESS.items()),
        Passes(
            name="a Windows without AppX", seen=given({APPX: AppxFact(packages=(), supported=False)}),
            note="this version of Windows has no AppX packages",
        ),
        *(
            Passes(name=f"allowed as {pattern}", seen=installed(package()), want={"allow": [pattern]}, note=STAYS)
            for pattern in ("Contoso.Notes", "Contoso.*", "*")
        ),
        Fails(name="for one user", seen=installed(package()), violations=(only_for(1),)),
        Fails(name="for three users", seen=installed(package(users=3)), violations=(only_for(3),)),
        Fails(
            name="one of many, and another", seen=installed(*HARMLESS.values(), package(), package("Fabrikam.Draw")),
            violations=(only_for(1), only_for(1, "Fabrikam.Draw")),
        ),
        Fails(
            name="allowed, but spelled otherwise", seen=installed(package()), want={"allow": ["contoso.*", "Notes"]},
            violations=(only_for(1),),
        ),
        Fails(
            name="one allowed, one not", seen=installed(package(), package("Fabrikam.Draw")),
            want={"allow": ["Contoso.*"]}, violations=(only_for(1, "Fabrikam.Draw"),), note=STAYS,
        ),
        Fixes(name="one", seen=installed(package()), steps=(removes(),)),
        Fixes(
            name="two, and what is harmless stays", steps=(removes(), removes("Fabrikam.Draw")),
            seen=installed(*HARMLESS.values(), package(), package("Fabrikam.Draw", users=2)),
        ),
        Fixes(
            name="what is allowed stays", seen=installed(package(), package("Fabrikam.Draw")),
            want={"allow": ["Contoso.*"]}, steps=(removes("Fabrikam.Draw"),),
        ),
        BadParams(name="a pattern that is no list", want={"allow": "Contoso.*"}, message="valid list"),
    ),
    wants=st.fixed_dictionaries({}, optional={"allow": st.lists(st.sampled_from(("Contoso.*", "*", "x")), max_size=2)}),
)  # fmt: skip

test_case, test_table_is_complete = TABLE.tests()


def test_packages_go_before_anything_restarts():
    [step] = TABLE.subject.plan(installed(package()), TABLE.subject.params())
    assert step.phase is Phase.CONTENT < Phase.RESTART
    assert step.undo
