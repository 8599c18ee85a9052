"""Korean: sign-in and first run."""

TEXTS: dict[str, str] = {
    "name": "이름",
    "password": "비밀번호",
    "password.note": "12자 이상입니다. 어떤 글자든 되고 문장도 좋습니다.",
    "sign_in": "로그인",
    "login.note": "비밀번호를 잊었다면 이 컴퓨터를 운영하는 사람만 다시 정할 수 있습니다.",
    "setup.title": "첫 실행",
    "setup.small": "짧은 세 단계를 마치면 바로 씁니다",
    "setup.code.title": "이 컴퓨터의 주인인지 확인합니다",
    "setup.code": "코드",
    "setup.code.note": (
        "kimp를 시작한 곳의 로그에 있습니다. 15분 동안 한 번만 쓰며, 지나면 이 페이지를 열 때 "
        "새로 나옵니다."
    ),
    "setup.you": "계정",
    "setup.choices": "보는 방식",
    "setup.updown": "방향 색",
    "setup.capital": "자본, KRW",
    "setup.capital.note": "따로 정하지 않으면 백테스트가 이 금액으로 시작합니다.",
    "setup.go": "시작",
}
