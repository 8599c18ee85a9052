"""Korean: the guide."""

TEXTS: dict[str, str] = {
    "title": "아무것도 없는 상태에서 첫 결과까지",
    "why": "클릭 한 번, 1분 안에 끝납니다. 파일도 키도 돈도 필요 없습니다.",
    "own": "내 봉으로 하기",
    "sample": "샘플 실행",
    "sample.time": "몇 초",
    "sample.what": "두 거래소, 두 코인의 두 달치 1분 봉과 USDT 환율을 만들어 업로드한 것과 "
    "똑같이 저장하고 백테스트를 실행합니다. 계산하는 동안 결과 화면이 열립니다.",
    "sample.button": "샘플을 만들고 실행",
    "sample.name": "샘플",
    "sample.label": "가격은 내장 생성기가 만들며 어디서나 이렇게 표시됩니다:",
    "walk.make": "데이터가 생깁니다",
    "walk.make.why": "원화 시장의 봉, 달러 시장의 봉, 둘 사이의 환율입니다. 데이터 화면에 남고 "
    "지울 수 있습니다.",
    "walk.run": "모든 봉을 차례로 지나갑니다",
    "walk.run.why": "신호는 종가에, 체결은 다음 시가에 일어납니다. 어떤 봉도 뒤의 것을 보지 "
    "않습니다.",
    "walk.read": "결과를 읽습니다",
    "walk.read.why": "자산과 낙폭, 진입과 청산이 모두 표시된 프리미엄, 사이클마다의 체결, "
    "그리고 믿을 수 있는지까지 봅니다.",
    "premium": "프리미엄이란",
    "premium.short": "코인 하나, 가격 둘",
    "premium.1": "같은 코인이 한국에서는 원화로, 해외에서는 달러로 팔립니다. 돈과 코인이 느리게 "
    "오가기 때문에 한 통화로 바꾸면 두 가격이 다릅니다.",
    "premium.2": "그 차이를 bps로 셉니다. 100 bps가 1 %입니다. 0보다 위면 한국이 비싼 김프, "
    "아래면 한국이 싼 역프입니다.",
    "premium.sum": "프리미엄 계산",
    "premium.won": "한국의 {base}",
    "premium.dollar": "해외의 {base}",
    "premium.same": "원화로 바꾸면",
    "premium.result": "프리미엄",
    "styles": "거래하는 두 가지 방법",
    "styles.short": "실행마다 하나를 고릅니다",
    "style.inventory": "돈과 코인을 양쪽에 미리 둡니다. 두 거래가 같은 봉에서 체결됩니다.",
    "style.inventory.1": "프리미엄이 진입에 닿으면 한국에서 팔고 해외에서 삽니다.",
    "style.inventory.2": "코인 가격 자체에는 영향받지 않은 채 기다립니다.",
    "style.inventory.3": "프리미엄이 청산까지 내리면 한국에서 되사고 해외에서 팝니다.",
    "style.inventory.4": "진입과 청산의 차이에서 비용을 뺀 것이 이익입니다.",
    "style.inventory.risk": "양쪽에 자본이 있어야 합니다. 프리미엄이 더 오르면 되돌아올 때까지 "
    "평가손입니다.",
    "style.transfer": "코인이 실제로 이동합니다. 한쪽에서 사서 보내고 다른 쪽에서 판 뒤, 가장 "
    "싼 코인으로 돈이 되돌아옵니다.",
    "style.transfer.1": "프리미엄이 진입에 닿으면 해외에서 코인을 삽니다.",
    "style.transfer.2": "몇 봉 뒤 출금 수수료를 뺀 만큼 도착하고, 원화로 팝니다.",
    "style.transfer.3": "프리미엄이 청산 이하인 코인을 기다립니다.",
    "style.transfer.4": "원화 전부로 그 코인을 사서 돌려보냅니다.",
    "style.transfer.5": "도착하면 해외에서 팔아 다시 달러가 됩니다.",
    "style.transfer.risk": "코인이 이동하는 동안 가격이 움직입니다. 헤지는 수수료를 내고 이를 "
    "없앱니다. 입출금 중단은 봉에 나타나지 않습니다.",
    "costs": "비용",
    "costs.short": "기본값일 때",
    "costs.1": "한 번 돌면 네 번 체결됩니다. 두 거래소에서 들어가고 나옵니다. 체결마다 수수료를 "
    "내고, 가격이 밀리는 슬리피지가 붙습니다.",
    "costs.2": "{entry} bps에 들어가 {exit} bps에 나오면 {captured} bps를 얻습니다. 한 바퀴에 "
    "{total} bps가 들어 남는 것은 {net} bps입니다.",
    "costs.3": "{notional}원 사이클이면 {krw}원입니다. 프리미엄이 비용보다 적게 움직이면 아무리 "
    "자주 이겨도 사이클마다 잃습니다.",
    "next": "그다음, 진짜 봉으로",
    "next.data": "올리기",
    "next.data.why": "업비트, 바이낸스, 일반 OHLCV, 환율 파일을 그대로 올립니다. 무엇이 "
    "들었는지 찾아내고 빠진 것을 알려 줍니다.",
    "next.form": "정하기",
    "next.form.why": "데이터, 기간과 환율, 규칙, 비용 네 단계입니다. 오른쪽이 무엇이 실행되고 "
    "어디가 손익분기인지 바로 말합니다.",
    "next.believe": "의심하기",
    "next.believe.why": "적은 사이클, 운 좋은 한 달, 보유 중의 누락. 결과는 스스로에게 불리한 "
    "것을 나열합니다.",
    "next.oos": "증명하기",
    "next.oos.why": "문턱을 훑어 봉우리보다 고원을 고르십시오. 그리고 구간 전진으로 과거에서 "
    "고르고 다음 구간에서 판정하십시오.",
    "words": "낱말",
    "word.entry": "진입, 청산",
    "word.entry.means": "사이클이 시작되고 끝나는 프리미엄이며 종가마다 판단합니다.",
    "word.cycle": "사이클",
    "word.cycle.means": "첫 체결부터 다시 빈손이 되는 마지막 체결까지입니다.",
    "word.notional": "사이클 크기",
    "word.notional.means": "사이클마다 넣는 원화입니다. 자본이 늘어도 커지지 않습니다.",
    "word.slippage": "슬리피지",
    "word.slippage.means": "체결이 시가보다 얼마나 나쁘다고 볼지입니다.",
    "word.max_hold": "최대 보유",
    "word.max_hold.means": "이만큼의 봉이 지나면 프리미엄과 상관없이 나옵니다.",
    "word.drawdown": "낙폭",
    "word.drawdown.means": "자산이 이전 최고에서 얼마나 내려와 있는지입니다.",
    "word.walkforward": "구간 전진",
    "word.walkforward.means": "한 구간에서 고른 값을 바로 다음 구간에서만 판정합니다.",
}
