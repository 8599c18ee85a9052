"""Korean: arming LIVE."""

TEXTS: dict[str, str] = {
    "title": "LIVE 무장",
    "small": "실제 주문, 실제 자금",
    "not_live": "무장할 것이 없습니다",
    "not_live.detail": "지금은 {mode} 모드입니다. KIMP_MODE=live로 시작하십시오.",
    "armed": "무장됨",
    "until": "까지",
    "disarm": "지금 해제",
    "killed": "긴급정지 상태입니다",
    "killed.detail": "먼저 리스크 페이지에서 정지를 눌러 푸십시오.",
    "no_factor": "2단계 인증이 필요합니다",
    "no_factor.detail": "무장에는 비밀번호와 휴대전화의 코드가 필요합니다.",
    "step_ticket": "본인 확인",
    "show": "무장 내용 확인",
    "step_phrase": "문구 입력",
    "daily_loss": "하루 손실 한도",
    "size": "사이클 최대 금액",
    "total": "총 노출 한도",
    "venues": "거래소",
    "venues.none": "없음: 키가 없거나 시세가 실제 거래소가 아닙니다",
    "over": "이 확인의 유효 시각",
    "type": "{phrase} 입력",
    "hours": "무장 시간",
    "hours.n": "{n}시간",
    "arm": "무장: 실제 자금…",
    "note": (
        "시간이 다 되거나 긴급정지, 재시작이 있으면 풀립니다. 무장만으로는 시작하지 않습니다. "
        "상태도 가동이어야 사이클이 시작됩니다. 풀려도 취소와 조회는 계속합니다."
    ),
    "addresses.small": "흐린 주소는 등록 뒤 24시간을 기다리는 중",
    "addresses.none": "아무것도 출금하지 않습니다.",
    "balances": "잔고",
    "balances.small": "거래소별, 원장 기준",
    "balances.none": "잔고가 아직 없음",
    "available": "가용",
}
