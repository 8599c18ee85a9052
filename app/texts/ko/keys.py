"""Korean: second factor, keys of exchange accounts, withdrawal addresses."""

TEXTS: dict[str, str] = {
    "title": "보안",
    "factor": "2단계 인증",
    "factor.small": "비밀번호에 더해 휴대전화의 코드",
    "factor.none": "등록되지 않음",
    "factor.none.detail": (
        "LIVE 무장과 출금 주소 변경에 필요합니다. 등록하면 키와 토큰을 새로 만들 때도 필요합니다."
    ),
    "factor.begin": "등록",
    "factor.type": "인증 앱에 이 비밀키를 입력한 뒤 앱의 코드를 아래에 적으십시오.",
    "factor.secret": "비밀키",
    "factor.open": "이 기기의 인증 앱에서 열기",
    "factor.confirm": "확인",
    "factor.codes": "복구 코드: 한 번씩만 쓸 수 있고 다시 보여 주지 않습니다.",
    "factor.codes.note": "휴대전화와 다른 곳에 보관하십시오. LIVE 무장에는 쓸 수 없습니다.",
    "factor.since": "사용 시작",
    "factor.left": "남은 복구 코드",
    "factor.change": "다른 휴대전화",
    "factor.again": "다시 등록",
    "factor.remove": "해제",
    "code": "인증 코드",
    "code.note": "여섯 자리 숫자 또는 복구 코드",
    "credentials": "거래소 키",
    "credentials.small": "마스터 키로 잠급니다. 넣을 수만 있고 꺼낼 수 없습니다",
    "credentials.note": (
        "거래와 출금 권한은 필요한 곳에만 주고, 거래소에서 이 서버의 IP로만 쓰게 하십시오. "
        "환경 변수의 키가 우선합니다."
    ),
    "venue": "거래소",
    "access": "액세스 키",
    "secret": "시크릿 키",
    "secret.note": "코인베이스는 BEGIN, END 줄을 포함한 개인 키 전체",
    "passphrase": "패스프레이즈",
    "with_passphrase": "패스프레이즈 포함",
    "none": "키 없음",
    "shut": "열 수 없음",
    "environment": "환경 변수",
    "set": "키 넣기",
    "forget": "이 키 지우기",
    "addresses": "출금 주소",
    "addresses.small": "LIVE가 코인을 보낼 수 있는 곳. 새 주소는 24시간 뒤부터 유효",
    "addresses.none": "주소가 아직 없음",
    "addresses.none.detail": "24시간이 지난 주소가 없으면 LIVE는 아무것도 출금하지 않습니다.",
    "addresses.note": (
        "보내는 순간 받는 거래소가 알려 주는 주소와 태그까지 같아야 합니다. "
        "목록은 봉인되어 있어 밖에서 바뀌면 출금이 멈춥니다."
    ),
    "receiver": "받는 거래소",
    "asset": "코인",
    "network": "망",
    "network.note": "받는 거래소가 쓰는 이름 그대로",
    "address": "주소",
    "tag": "태그 또는 메모",
    "tag.note": "태그가 있는 코인은 반드시. 빠뜨리면 코인을 잃습니다",
    "state": "상태",
    "active": "유효",
    "waits": "대기",
    "address.change": "목록 바꾸기",
    "address.add": "24시간 뒤부터 허용",
    "address.remove": "즉시 금지",
}
