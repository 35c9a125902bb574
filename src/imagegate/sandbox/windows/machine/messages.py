"""What Windows' programs say, in English, Korean and Japanese.

From memory of the real systems' wording and from public logs; whoever parses these words instead of digits and
structure does it wrong on one of the three. Texts end without a line's end.
"""

from __future__ import annotations

from imagegate.sandbox.windows.machine.state import Language

_UNKNOWN_COMMAND_JA = (
    "'{0}' は、内部コマンドまたは外部コマンド、\n操作可能なプログラムまたはバッチ ファイルとして認識されていません。"
)
_TEXTS: dict[str, tuple[str, str, str]] = {
    "unknown-command": (
        "'{0}' is not recognized as an internal or external command,\noperable program or batch file.",
        "'{0}'은(는) 내부 또는 외부 명령, 실행할 수 있는 프로그램, 또는\n배치 파일이 아닙니다.",
        _UNKNOWN_COMMAND_JA,
    ),
    "too-long": ("The command line is too long.", "명령줄이 너무 깁니다.", "コマンド ラインが長すぎます。"),
    "no-path": (
        "The system cannot find the path specified.",
        "지정된 경로를 찾을 수 없습니다.",
        "指定されたパスが見つかりません。",
    ),
    "code-page": ("Active code page: {0}", "활성 코드 페이지: {0}", "現在のコード ページ: {0}"),
    "bad-code-page": ("Invalid code page", "코드 페이지가 올바르지 않습니다.", "無効なコード ページです"),
    "done": (
        "The operation completed successfully.",
        "작업을 완료했습니다.",
        "この操作を正しく終了しました。",
    ),
    "no-key": (
        "ERROR: The system was unable to find the specified registry key or value.",
        "오류: 지정된 레지스트리 키 또는 값을 찾을 수 없습니다.",
        "エラー: 指定されたレジストリ キーまたは値が見つかりませんでした。",
    ),
    "denied": ("ERROR: Access is denied.", "오류: 액세스가 거부되었습니다.", "エラー: アクセスが拒否されました。"),
    "syntax": (
        'ERROR: Invalid syntax.\nType "{0} /?" for usage.',
        '오류: 구문이 잘못되었습니다.\n사용법을 보려면 "{0} /?"를 입력하십시오.',
        'エラー: 無効な構文です。\n使用法を表示するには、"{0} /?" と入力してください。',
    ),
    "task-made": (
        'SUCCESS: The scheduled task "{0}" has successfully been created.',
        '성공: 예약된 작업 "{0}"을(를) 만들었습니다.',
        '成功: スケジュール タスク "{0}" は正しく作成されました。',
    ),
    "task-deleted": (
        'SUCCESS: The scheduled task "{0}" was successfully deleted.',
        '성공: 예약된 작업 "{0}"을(를) 삭제했습니다.',
        '成功: スケジュール タスク "{0}" は正しく削除されました。',
    ),
    "no-task": (
        "ERROR: The system cannot find the file specified.",
        "오류: 지정된 파일을 찾을 수 없습니다.",
        "エラー: 指定されたファイルが見つかりません。",
    ),
    "no-task-to-delete": (
        'ERROR: The specified task name "{0}" does not exist in the system.',
        '오류: 지정한 작업 이름 "{0}"이(가) 시스템에 없습니다.',
        'エラー: 指定されたタスク名 "{0}" はシステムに存在しません。',
    ),
    "task-exists": (
        "ERROR: Cannot create a file when that file already exists.",
        "오류: 파일이 이미 있으므로 만들 수 없습니다.",
        "エラー: 既に存在するファイルを作成することはできません。",
    ),
    "task-malformed": (
        "ERROR: The task XML is malformed.\n{0}",
        "오류: 작업 XML의 형식이 잘못되었습니다.\n{0}",
        "エラー: タスク XML の形式に誤りがあります。\n{0}",
    ),
    "no-service": (
        "The specified service does not exist as an installed service.",
        "지정된 서비스를 설치된 서비스로 찾을 수 없습니다.",
        "指定されたサービスはインストールされたサービスとして存在しません。",
    ),
    "access-denied": ("Access is denied.", "액세스가 거부되었습니다.", "アクセスが拒否されました。"),
    "sc-type": ("TYPE", "종류", "種類"),
    "sc-state": ("STATE", "상태", "状態"),
    "sc-checkpoint": ("CHECKPOINT", "검사점", "チェックポイント"),
    "everyone": ("Everyone", "모든 사람", "Everyone"),
    "administrators": ("BUILTIN\\Administrators",) * 3,
    "users": ("BUILTIN\\Users",) * 3,
    "network": ("NT AUTHORITY\\NETWORK",) * 3,
    "well-known": ("Well-known group", "잘 알려진 그룹", "よく知られたグループ"),
    "alias": ("Alias", "별칭", "エイリアス"),
    "label": ("Label", "레이블", "ラベル"),
    "high": (
        "Mandatory Label\\High Mandatory Level",
        "Mandatory Label\\High Mandatory Level",
        "Mandatory Label\\High Mandatory Level",
    ),
    "medium": ("Mandatory Label\\Medium Mandatory Level",) * 3,
    "group-on": (
        "Mandatory group, Enabled by default, Enabled group",
        "필수 그룹, 기본적으로 사용, 사용할 수 있는 그룹",
        "固定グループ, 既定で有効, 有効なグループ",
    ),
    "group-deny": (
        "Group used for deny only",
        "거부 전용으로 사용되는 그룹",
        "拒否のみに使用されるグループ",
    ),
}
_LANGUAGES: tuple[Language, ...] = ("en", "ko", "ja")


def text(language: Language, name: str, *words: object) -> str:
    """The text called ``name``, with ``words`` in their places."""
    return _TEXTS[name][_LANGUAGES.index(language)].format(*words)
