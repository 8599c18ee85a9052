"""Korean: the figures of a backtest, each with its definition."""

TEXTS: dict[str, str] = {
    "total_pnl_krw": "손익",
    "total_pnl_krw.lead": "손익, 끝난 사이클 {n}개",
    "total_pnl_krw.means": "끝난 모든 사이클의 손익을 비용까지 빼고 더한 값입니다. 열린 "
    "사이클은 들어 있지 않습니다.",
    "roi_pct": "수익률",
    "roi_pct.means": "마지막 자산을 처음 자본으로 나누고 1을 뺀 값입니다. 열린 사이클은 "
    "평가액으로 셉니다.",
    "final_equity_krw": "최종 자산",
    "final_equity_krw.means": "마지막 봉 종가의 자산입니다. 자본, 끝난 사이클, 열린 사이클의 "
    "평가액을 더합니다.",
    "max_drawdown_pct": "최대 낙폭",
    "max_drawdown_pct.means": "자산이 그 이전 최고에서 가장 깊이 내려간 비율입니다. 봉마다 잽니다.",
    "sharpe": "샤프",
    "sharpe.means": "일 수익률의 평균을 표준편차로 나누고 √365를 곱합니다. UTC 날짜 기준이며 "
    "봉이 없는 날은 빼고 무위험 수익률은 없습니다.",
    "sortino": "소르티노",
    "sortino.means": "샤프와 같으나 잃은 날의 편차로만 나눕니다.",
    "cagr_pct": "연 성장률",
    "cagr_pct.means": "첫 봉부터 마지막 봉까지를 365일로 환산한 성장률입니다. 짧은 기간에서는 "
    "외삽입니다.",
    "cycles": "사이클",
    "cycles.means": "마지막 체결이 일어난 사이클의 수입니다.",
    "win_rate_pct": "승률",
    "win_rate_pct.means": "손익이 0보다 큰 사이클의 비율입니다.",
    "profit_factor": "손익비",
    "profit_factor.means": "번 사이클의 합을 잃은 사이클의 합으로 나눕니다. 손실이 없으면 "
    "없습니다.",
    "mean_cycle_krw": "평균 사이클",
    "mean_cycle_krw.means": "끝난 사이클 하나의 평균 손익입니다.",
    "std_cycle_krw": "사이클 편차",
    "std_cycle_krw.means": "사이클 손익의 표준편차입니다.",
    "t_stat": "t 값",
    "t_stat.means": "평균 손익을 그 표준오차로 나눈 값입니다. 2 아래면 우연일 수 있습니다.",
    "best_cycle_krw": "최고 사이클",
    "best_cycle_krw.means": "한 사이클의 가장 큰 손익입니다.",
    "worst_cycle_krw": "최저 사이클",
    "worst_cycle_krw.means": "한 사이클의 가장 작은 손익입니다.",
    "captured_bps": "평균 포착",
    "captured_bps.means": "들어가게 한 신호와 나오게 한 신호 사이 프리미엄의 평균이며 비용을 "
    "빼기 전입니다.",
    "mean_hold_s": "평균 보유",
    "mean_hold_s.means": "사이클의 첫 체결부터 마지막 체결까지 걸린 평균 시간입니다.",
    "longest_hold_s": "최장 보유",
    "longest_hold_s.means": "사이클의 첫 체결부터 마지막 체결까지 걸린 가장 긴 시간입니다.",
    "exposure_pct": "노출",
    "exposure_pct.means": "사이클이 열려 있던 시간의 비율입니다.",
    "fees_krw": "낸 수수료",
    "fees_krw.means": "끝난 사이클의 거래, 헤지, 출금 수수료입니다. 슬리피지는 가격에 들어 "
    "있습니다.",
    "turnover_krw": "거래 대금",
    "turnover_krw.means": "두 거래소의 모든 체결을 체결가로 더합니다. 헤지는 뺍니다.",
    "benchmark_roi_pct": "코인 보유",
    "benchmark_roi_pct.means": "자본을 코인마다 똑같이 나누어 첫 해외 시가에 사서 들고 있었을 "
    "때이며 비용은 없습니다.",
    "open_cycle": "끝에 열림",
    "open_cycle.none": "없음",
    "open_cycle.means": "데이터가 끝났을 때 마지막 체결이 일어나지 않은 사이클입니다. 평가액은 "
    "자산에 들어 있고 손익에는 없습니다.",
    "unit.krw": "KRW",
    "unit.pct": "%",
    "unit.bps": "bps",
    "unit.hours": "h",
}
