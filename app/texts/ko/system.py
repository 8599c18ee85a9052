"""Korean: the system page."""

TEXTS: dict[str, str] = {
    "uptime": "가동",
    "database": "데이터베이스",
    "action.login": "로그인",
    "action.logout": "로그아웃",
    "action.setup": "첫 실행",
    "action.password": "비밀번호 변경",
    "action.session_end": "세션 끝냄",
    "action.token_create": "토큰 만듦",
    "action.token_revoke": "토큰 폐기",
}
