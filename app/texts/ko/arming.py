"""Korean: arming LIVE."""

TEXTS: dict[str, str] = {
    "title": "LIVE 무장",
    "small": "실제 주문, 실제 돈",
    "not_live": "무장할 것이 없습니다",
    "not_live.detail": "지금은 {mode} 모드입니다. KIMP_MODE=live로 시작하십시오.",
    "armed": "무장됨",
    "until": "까지",
    "disarm": "지금 해제",
    "killed": "킬 스위치가 켜져 있습니다",
    "killed.detail": "먼저 위험 페이지에서 HALTED로 푸십시오.",
    "no_factor": "2단계 인증이 필요합니다",
    "no_factor.detail": "무장에는 비밀번호와 휴대전화의 코드가 필요합니다.",
    "step_ticket": "본인 확인",
    "show": "무장하면 어떻게 되는지 보기",
    "step_phrase": "문구 입력",
    "daily_loss": "하루를 멈추는 손실",
    "size": "사이클 크기",
    "total": "사이클 전체 한도",
    "venues": "거래소",
    "venues.none": "없음: 키가 없거나 피드가 live가 아닙니다",
    "over": "티켓이 끝나는 때",
    "type": "{phrase} 입력",
    "hours": "기간",
    "hours.n": "{n}시간",
    "arm": "무장: 실제 돈 …",
    "note": (
        "시간이 다 되거나 킬, 재시작이 있으면 끝납니다. 무장은 시작이 아닙니다. "
        "상태도 ACTIVE여야 사이클이 시작됩니다. 해제해도 취소와 조회는 계속됩니다."
    ),
    "addresses.small": "흐린 주소는 첫 하루를 기다리는 중",
    "addresses.none": "아무것도 출금하지 않습니다.",
    "balances": "잔고",
    "balances.small": "거래소별 장부 기준",
    "balances.none": "잔고가 아직 없음",
    "available": "사용 가능",
}
