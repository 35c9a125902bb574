"""Hypothesis strategies for what is seen of Windows guests, of the origin image and of the console."""

from __future__ import annotations

from dataclasses import fields, replace

from hypothesis import strategies as st
from tests.strategies_words import foreign, maybe, moments

from imagegate import probes

registry_texts = (
    st.sampled_from(
        (
            "IMAGE_STATE_COMPLETE", "IMAGE_STATE_UNDEPLOYABLE", "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE",
            "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT", "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE", "10.0.17763",
        )
    )
    | foreign
)  # fmt: skip
registries = st.one_of(
    st.just(probes.RegistryFact(present=False)),
    st.builds(
        probes.RegistryFact,
        present=st.just(True),
        type=st.sampled_from(("REG_SZ", "REG_EXPAND_SZ")),
        text=registry_texts,
        number=st.none(),
    ),
    st.builds(
        probes.RegistryFact,
        present=st.just(True),
        type=st.sampled_from(("REG_DWORD", "REG_QWORD")),
        text=st.none(),
        number=st.integers(0, 9) | st.integers(0, 2**64 - 1),
    ),
    st.builds(
        probes.RegistryFact,
        present=st.just(True),
        type=st.sampled_from((None, "REG_MULTI_SZ", "REG_BINARY", "REG_NONE")),
        text=st.none(),
        number=st.none(),
    ),
)
services = st.one_of(
    st.just(probes.ServiceFact(present=False)),
    st.builds(
        probes.ServiceFact,
        present=st.just(True),
        start=st.sampled_from(("boot", "system", "auto", "demand", "disabled")),
        state=st.sampled_from((None, "stopped", "start-pending", "stop-pending", "running", "paused")),
    ),
)
windows_files = st.one_of(
    st.just(probes.WindowsFileFact(kind="absent")),
    st.builds(
        probes.WindowsFileFact,
        kind=st.sampled_from(("regular", "directory", "link")),
        size=st.none() | st.integers(0, 2**40),
        modified=st.none() | moments,
        sha256=st.sampled_from((None, "0" * 64, "ab" * 32)),
        tail=st.none() | st.sampled_from(("", "[0x0f0043] SYSPRP: shutting down", "Error SYSPRP failed")) | foreign,
    ),
)
answer_files = st.one_of(
    st.just(probes.AnswerFileFact(state="absent")),
    st.builds(probes.AnswerFileFact, state=st.just("malformed"), problem=foreign),
    st.builds(
        probes.AnswerFileFact,
        state=st.just("readable"),
        passes=st.sets(st.sampled_from(("generalize", "oobeSystem", "specialize", "windowsPE")) | foreign).map(
            lambda names: tuple(sorted(names))
        ),
        password=st.booleans(),
        skip_rearm=st.none() | st.integers(-1, 2),
        sha256=st.sampled_from((None, "0" * 64, "ab" * 32)),
    ),
)
boundaries = st.sampled_from(
    (None, "2019-01-01T00:00:00", "2026-11-22T00:00:00Z", "2026-11-23T09:00:00+09:00", "2030-12-31T23:59:59.5", "soon")
)
durations = st.sampled_from((None, "PT0S", "PT30S", "PT5M", "P1D", "later"))
any_tasks = st.builds(
    probes.ScheduledTask,
    name=st.sampled_from((r"\imagegate-renew-dhcp", r"\RenewIP")) | foreign.map(lambda text: "\\" + text),
    enabled=st.booleans(),
    triggers=st.lists(
        st.builds(
            probes.TaskTrigger,
            kind=st.sampled_from(("boot", "boot", "logon", "time", "calendar", "event")) | foreign,
            enabled=st.booleans(),
            start=boundaries | foreign,
            end=boundaries | foreign,
            delay=durations | foreign,
        ),
        max_size=3,
    ).map(tuple),
    user=st.sampled_from((None, "S-1-5-18", "SYSTEM", r"NT AUTHORITY\SYSTEM", r"WIN\Administrator")) | maybe,
    run_level=st.sampled_from((None, "highest", "least")),
    actions=st.lists(
        st.builds(
            probes.TaskAction,
            command=st.sampled_from((r"C:\Windows\System32\ipconfig.exe", "ipconfig", r'"%windir%\IPCONFIG"')) | foreign,
            arguments=st.sampled_from(("/renew", "/RENEW", "-renew", "/release", "/renew6", "/renew Ethernet")) | foreign,
        ),
        max_size=2,
    ).map(tuple),
    group=maybe,
    others=st.integers(0, 2),
    on_ac_only=st.booleans(),
    needs_network=st.booleans(),
    only_if_idle=st.booleans(),
    expires=durations | foreign,
)
good_task = probes.ScheduledTask(
    name=r"\RenewIP", enabled=True, triggers=(probes.TaskTrigger(kind="boot"),), user="S-1-5-18", run_level="highest",
    actions=(probes.TaskAction(command="ipconfig", arguments="/renew"),), on_ac_only=False,
)  # fmt: skip
#: Anything at all is rarely a good task: as often, one that differs from a good one in a field or two.
tasks = any_tasks | st.builds(
    lambda names, odd: replace(good_task, **{name: getattr(odd, name) for name in names}),
    st.sets(st.sampled_from([field.name for field in fields(probes.ScheduledTask)]), max_size=2),
    any_tasks,
)
tasks_seen = st.builds(
    probes.TasksFact,
    tasks=st.lists(tasks, max_size=3, unique_by=lambda task: task.name).map(
        lambda found: tuple(sorted(found, key=lambda task: task.name))
    ),
    total=st.integers(3, 300),
    unreadable=st.just(()) | st.lists(foreign, max_size=2).map(tuple),
)
windows = st.builds(
    probes.WindowsFact,
    version=st.sampled_from(("6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.20348")) | foreign,
    product=st.sampled_from(("Microsoft Windows Server 2019 Standard",)) | foreign,
    booted_at=moments,
    now=moments,
    code_page=st.none() | st.sampled_from((437, 932, 949, 65001)),
)
spaces = st.builds(
    probes.FreeSpaceFact, free=st.integers(0, 2**50) | st.integers(0, 300_000), size=st.integers(2**50, 2**60)
)
accounts = st.builds(
    probes.AccountsFact,
    accounts=st.lists(
        st.builds(
            probes.LocalAccount,
            name=foreign,
            rid=st.sampled_from((500, 501, 503, 1000)) | st.integers(0, 2**32 - 1),
            enabled=st.booleans(),
            password_required=st.booleans(),
            password_expires=st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
)
appx = st.one_of(
    st.just(probes.AppxFact(packages=(), supported=False)),
    st.builds(
        probes.AppxFact,
        packages=st.lists(
            st.builds(
                probes.AppxPackage,
                full_name=foreign,
                name=foreign,
                users=st.integers(0, 3),
                provisioned=st.booleans(),
                framework=st.booleans(),
                system=st.booleans(),
            ),
            max_size=4,
            unique_by=lambda package: package.full_name,
        ).map(lambda found: tuple(sorted(found, key=lambda package: package.full_name))),
        supported=st.just(True),
    ),
)
rearms = st.builds(probes.RearmFact, remaining=st.integers(-1, 1001))
commands = st.builds(
    probes.ShellCommandFact, present=st.just(True), path=st.none() | st.just(r"C:\ToastSysprep.ps1") | foreign
) | st.just(probes.ShellCommandFact(present=False))
origin_texts = st.sampled_from(
    (
        None, "2019.04.25", "2019.05.28", "2026.03.10", "Windows 2019 STD (2020.02.18) EN", "Windows 2019 STD",
        "Windows 2016 STD(2018. 08. 09.)", "Windows 2012 R2 STD (Aug.18,2020)", "Windows 2022 STD (2022.02.31)",
    )
)  # fmt: skip
origins = st.builds(
    probes.OriginImageFact,
    image_id=maybe,
    public=st.none() | st.booleans(),
    release_date=origin_texts | maybe,
    name=origin_texts | maybe,
    description=origin_texts | maybe,
    gone=maybe,
    server_name=origin_texts | maybe,
    server_description=origin_texts | maybe,
)
consoles = st.builds(probes.ConsoleFact, ticked=st.booleans())
