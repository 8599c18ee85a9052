"""Korean: every problem code → (title, detail). Each room keeps its own block."""

TEXTS: dict[str, tuple[str, str]] = {
    # front door
    "bad_request": ("요청을 읽을 수 없습니다", "{reason}"),
    "malformed_json": (
        "본문이 올바른 JSON이 아닙니다",
        "UTF-8로 쓴 JSON 값 하나를 보내세요.",
    ),
    "not_signed_in": ("먼저 로그인하세요", "이 주소에는 세션이나 API 토큰이 필요합니다."),
    "bad_credentials": (
        "이름 또는 비밀번호가 틀립니다",
        "바뀐 것은 없습니다. {tries}번 틀리면 이 이름은 {minutes}분 동안 기다립니다.",
    ),
    "forbidden": ("허용되지 않습니다", "이 계정은 이 일을 할 수 없습니다."),
    "csrf_failed": (
        "양식이 오래되었거나 다른 사이트에서 왔습니다",
        "아무것도 하지 않았습니다. 페이지를 다시 열고 한 번 더 보내세요.",
    ),
    "scope_missing": ("토큰에 권한이 없습니다", "이 호출에는 {scope} 권한이 필요합니다."),
    "not_found": ("여기에는 아무것도 없습니다", "이 주소의 페이지나 항목이 없습니다."),
    "method_not_allowed": ("여기서는 쓸 수 없는 메서드입니다", "허용: {allowed}."),
    "conflict": ("지금 상태와 맞지 않습니다", "{reason}"),
    "body_too_large": ("본문이 너무 큽니다", "여기서는 {limit}까지 받습니다."),
    "unsupported_media_type": ("받지 않는 형식입니다", "기대: {expected}."),
    "wrong_host": (
        "우리 이름이 아닙니다",
        "Host 머리글이 {host}입니다. 그 이름으로 열려면 KIMP_PUBLIC_URL을 정하세요.",
    ),
    "invalid_fields": ("틀린 항목이 있습니다", "항목마다 무엇이면 되는지 적었습니다."),
    "too_many_attempts": ("시도가 너무 많습니다", "{retry_after_s}초 뒤에 다시 하세요."),
    "too_many_streams": (
        "열린 스트림이 너무 많습니다",
        "다른 탭을 닫으세요. 한도는 {limit}입니다.",
    ),
    "internal_error": (
        "kimp 안에서 오류가 났습니다",
        "이 요청으로 남은 것은 없습니다. 로그에 요청 번호로 적혀 있습니다.",
    ),
    "not_ready": (
        "아직 준비되지 않았습니다",
        "시작하는 중이거나 필요한 부분이 멈춰 있습니다. 시스템 페이지를 보세요.",
    ),
    # people and secrets
    "session_only": (
        "로그인한 사람만 할 수 있습니다",
        "권한과 관계없이 토큰으로는 할 수 없습니다. 로그인해 페이지에서 하십시오.",
    ),
    "code_wrong": (
        "코드가 틀렸거나 이미 쓰였습니다",
        "아무것도 하지 않았습니다. 코드는 한 번만 쓸 수 있으니 다음 코드를 기다리십시오.",
    ),
    "second_factor_missing": (
        "2단계 인증이 필요합니다",
        "설정에서 먼저 등록하십시오. 휴대전화의 코드가 있어야 합니다.",
    ),
    "nothing_begun": (
        "확인할 등록이 없습니다",
        "너무 오래되었거나 다른 브라우저에서 시작했습니다. 다시 시작하십시오.",
    ),
    "vault_shut": (
        "저장된 비밀을 열 수 없습니다",
        "이 마스터 키로 잠그지 않았거나 바뀌었습니다. 시스템과 doctor를 보십시오.",
    ),
    "address_unlike": (
        "거래소가 알려 준 주소와 다릅니다",
        "{network} 네트워크 {asset}의 입금 주소는 {address}, 태그는 {tag}입니다.",
    ),
    "addresses_tampered": (
        "출금 주소 목록이 밖에서 바뀌었습니다",
        "누군가 데이터베이스를 확인할 때까지 아무것도 출금하지 않습니다.",
    ),
    "not_live": ("무장할 것이 없습니다", "KIMP_MODE=live에서만 무장합니다."),
    "ticket_over": (
        "무장 티켓이 끝났습니다",
        "{seconds}초 동안, 요청한 브라우저에서 한 번만 쓸 수 있습니다.",
    ),
    "phrase_wrong": ("화면의 문구와 다릅니다", "무장하지 않았습니다. 입력할 문구: {phrase}"),
    # ledger
    "name_taken": ("이미 있는 이름입니다", "{name} 계정이 이미 있습니다."),
    "dataset_in_use": (
        "사용 중인 데이터입니다",
        "{dataset}(으)로 만든 결과가 {count}개 있습니다: {by}. 먼저 그것을 지우십시오.",
    ),
    "run_active": ("아직 실행 중입니다", "{run}은(는) 취소한 뒤에 지울 수 있습니다."),
    "dataset_unknown": (
        "그런 데이터가 없습니다",
        "{dataset}은(는) 저장되어 있지 않습니다. 지워졌을 수 있습니다.",
    ),
    # runtime.work
    "multipart_malformed": ("업로드를 multipart/form-data로 읽을 수 없습니다", "{reason}"),
    "already_finished": (
        "이미 끝났습니다",
        "{id}의 상태는 {status}입니다. 대기 중이거나 실행 중인 작업만 취소할 수 있습니다.",
    ),
    "not_finished": (
        "아직 결과가 없습니다",
        "{id}의 상태는 {status}입니다. 완료된 뒤에 결과를 볼 수 있습니다.",
    ),
    "upload_settled": (
        "이 업로드는 기다리는 것이 없습니다",
        "{id}의 상태는 {state}입니다. 열 지정은 감지가 불확실할 때만 할 수 있습니다.",
    ),
    "file_missing": (
        "양식에 파일이 없습니다",
        "파일 이름이 있는 file 이라는 multipart 부분 하나를 보내십시오.",
    ),
    "timeframes_differ": (
        "봉 간격이 서로 다릅니다",
        "{one}의 봉은 {one_s}초, {other}의 봉은 "
        "{other_s}초입니다. 한 실행의 봉 간격은 같아야 합니다.",
    ),
    "too_many_points": (
        "조합이 너무 많습니다",
        "목록들이 {points}개의 조합을 만듭니다. 최대 {limit}개까지 계산합니다.",
    ),
    "no_window": (
        "들어갈 구간이 없습니다",
        "봉은 {span_days}일에 걸쳐 있지만 학습과 검증 구간에는 {needed_days}일이 필요합니다.",
    ),
    "too_many_uploads": (
        "동시 업로드가 너무 많습니다",
        "이미 파일 {limit}개를 받고 있습니다. 잠시 뒤 다시 시도하십시오.",
    ),
    "too_much_work": (
        "대기 중인 작업이 너무 많습니다",
        "이미 {limit}개가 대기 중입니다. 끝나기를 기다리거나 취소하십시오.",
    ),
    "result_damaged": (
        "저장된 결과가 손상되었습니다",
        "{file} 파일을 읽을 수 없습니다. 다시 실행하십시오. 데이터는 그대로입니다.",
    ),
    "worker_died": (
        "작업 프로세스가 죽었습니다",
        "이 작업 도중 {how}(으)로 끝났습니다. 메모리 부족인 경우가 많습니다. "
        "저장된 것은 없으니 다시 시작하십시오.",
    ),
    "upload_interrupted": (
        "업로드가 끊겼습니다",
        "파일을 다 받기 전에 연결이나 서비스가 끝났습니다. 저장된 것은 없습니다.",
    ),
    "service_restarted": (
        "그동안 kimp가 다시 시작되었습니다",
        "서비스가 멈출 때 실행 중이던 작업입니다. 저장된 것은 없으니 다시 시작하십시오.",
    ),
    "work_timeout": ("너무 오래 걸렸습니다", "이 작업의 한도는 {seconds}초입니다."),
    "cluster_unreachable": (
        "Dask 클러스터에 연결할 수 없습니다",
        "{address}에서 응답이 없습니다. "
        "KIMP_DASK_SCHEDULER를 확인하거나, 지우고 여기서 계산하십시오.",
    ),
    "cluster_failed": ("Dask 클러스터가 포기했습니다", "{reason}"),
    "disk_full": (
        "디스크 공간이 모자랍니다",
        "{needed}가 필요하지만 {free}만 남았습니다. "
        "데이터나 백테스트를 지우거나 공간을 늘리십시오.",
    ),
    "work_out_of_memory": (
        "메모리가 모자랍니다",
        "작업이 허용된 것보다 많은 메모리를 필요로 했습니다. 봉이나 코인 수를 줄여 보십시오.",
    ),
    # security
    "setup_code_wrong": (
        "코드가 틀렸거나 너무 오래되었습니다",
        "로그에서 가장 최근 코드를 쓰세요. 코드마다 한 번, {minutes}분 동안 쓸 수 있습니다.",
    ),
    "setup_done": ("첫 실행은 끝났습니다", "관리자가 있습니다. 로그인하세요."),
    "too_many_tokens": (
        "토큰이 너무 많습니다",
        "토큰 {limit}개를 쓰고 있습니다. 먼저 하나를 없애세요.",
    ),
    # history
    "file_empty": (
        "빈 파일입니다",
        "아무 내용이 없거나 빈 줄만 있습니다.",
    ),
    "file_without_rows": (
        "데이터 행이 없습니다",
        "머리글만 있고 값이 있는 행이 없습니다.",
    ),
    "file_binary": (
        "텍스트 파일이 아닙니다",
        "{value} 파일로 보입니다. 받을 수 있는 형식: {expected}.",
    ),
    "file_spreadsheet": (
        "엑셀 통합 문서입니다",
        "열어서 시트를 CSV로 저장한 뒤 올려 주세요.",
    ),
    "file_has_nul": (
        "NUL 바이트가 있습니다",
        "{row}행이 손상되었습니다. 텍스트에는 NUL이 있을 수 없습니다.",
    ),
    "file_undecodable": (
        "글자를 해석할 수 없습니다",
        "{row}행의 {value} 바이트는 {expected}이 아닙니다.",
    ),
    "gzip_broken": (
        "gzip 파일이 손상되었습니다",
        "끝까지 풀 수 없습니다: {value}.",
    ),
    "zip_broken": (
        "zip 파일이 손상되었습니다",
        "풀 수 없습니다: {value}. 기대: {expected}.",
    ),
    "zip_not_single": (
        "zip 안의 파일이 하나가 아닙니다",
        "{value}개가 있습니다. 기대: {expected}.",
    ),
    "zip_encrypted": (
        "암호가 걸린 zip입니다",
        "암호 없이 다시 압축해 주세요.",
    ),
    "expands_too_far": (
        "압축을 풀면 너무 커집니다",
        "허용: {expected}.",
    ),
    "parquet_broken": (
        "Parquet 파일을 읽을 수 없습니다",
        "{value}",
    ),
    "json_broken": (
        "JSON을 읽을 수 없습니다",
        "{row}행 {value} 부근: {expected} 형식이어야 합니다.",
    ),
    "too_many_columns": (
        "열이 너무 많습니다",
        "{row}행에 {value}개 열이 있습니다. 기대: {expected}.",
    ),
    "field_too_long": (
        "칸이 너무 깁니다",
        "{row}행 {column}: 기대 {expected}.",
    ),
    "quotes_broken": (
        "따옴표가 닫히지 않았습니다",
        "{row}행. 기대: {expected}.",
    ),
    "columns_unsure": (
        "어느 열이 무엇인가요?",
        "다음 열을 확신할 수 없습니다: {columns}. 무엇이 담긴 열인지 골라 주세요.",
    ),
    "column_unknown": (
        "그런 열이 없습니다",
        "{value}을(를) 지정했지만 파일에는 {expected}이(가) 있습니다.",
    ),
    "tz_unknown": (
        "모르는 시간대입니다",
        "{value}은(는) 시간대가 아닙니다. 기대: {expected}.",
    ),
    "row_fields": (
        "행의 칸 수가 다릅니다",
        "{row}행에 {value}칸이 있습니다. 기대: {expected}.",
    ),
    "value_missing": (
        "값이 비어 있습니다",
        "{row}행 {column}이(가) 비어 있습니다. 기대: {expected}.",
    ),
    "value_not_number": (
        "숫자가 아닙니다",
        "{row}행 {column}: {value}. 기대: {expected}.",
    ),
    "value_not_finite": (
        "유한한 수가 아닙니다",
        "{row}행 {column}: {value}. 기대: {expected}.",
    ),
    "value_not_positive": (
        "가격이 0보다 크지 않습니다",
        "{row}행 {column}: {value}. 기대: {expected}.",
    ),
    "value_negative": (
        "거래량이 음수입니다",
        "{row}행 {column}: {value}. 기대: {expected}.",
    ),
    "high_below_low": (
        "고가가 저가보다 낮습니다",
        "{row}행 {column}: {value}. 기대: {expected}.",
    ),
    "price_outside_range": (
        "가격이 고가와 저가 밖에 있습니다",
        "{row}행 {column}: {value}. 기대: {expected}.",
    ),
    "time_unreadable": (
        "시각을 읽을 수 없습니다",
        "{row}행 {column}: {value}. 기대: {expected}.",
    ),
    "time_ambiguous": (
        "시각이 두 가지로 읽힙니다",
        "{row}행 {column}: {value}. 기대: {expected}.",
    ),
    "time_forms_mixed": (
        "시각 표기가 섞여 있습니다",
        "{row}행 {column}: {value}. 기대: {expected}.",
    ),
    "time_out_of_range": (
        "시각이 범위를 벗어났습니다",
        "{row}행 {column}: {value}. 기대: {expected}.",
    ),
    "time_off_grid": (
        "시각이 봉 간격에 맞지 않습니다",
        "{row}행 {column}: {value}. 기대: {expected}.",
    ),
    "timeframe_unknown": (
        "봉 간격을 알 수 없습니다",
        "기대: {expected}. 올릴 때 봉 간격을 지정해 주세요.",
    ),
    "timeframes_mixed": (
        "여러 봉 간격이 섞여 있습니다",
        "{row}행 {column}: {value}. 앞의 행: {expected}.",
    ),
    "coins_mixed": (
        "여러 종목이 섞여 있습니다",
        "{row}행 {column}: {value}. 앞의 행: {expected}.",
    ),
    "rows_conflict": (
        "같은 시각의 두 행이 다릅니다",
        "{row}행 {column}: {value}. 그러나 {expected}.",
    ),
    "dataset_damaged": (
        "저장된 데이터가 손상되었습니다",
        "{column}이(가) 저장한 것과 다릅니다. 데이터를 지우고 파일을 다시 올려 주세요.",
    ),
    "engine_killed": (
        "비상 정지가 걸려 있습니다",
        "먼저 HALTED로 바꾸면 풀립니다. 그다음 다시 시작하십시오.",
    ),
    "orders_unknown": (
        "원장이 모르는 주문이 거래소에 있습니다",
        "김프가 낸 주문으로 보입니다. 오래된 데이터베이스로 되돌렸거나 다른 김프가 같은 계정으로 "
        "거래하고 있습니다. 가장 최근 데이터베이스로 되돌리거나, kimp를 멈추고 "
        "“python -m app restored”를 실행하십시오.",
    ),
    "cycle_changed": (
        "사이클이 그 사이에 바뀌었습니다",
        "{cycle}의 {seen}판을 보셨지만 이미 바뀌었습니다({now}). "
        "아무것도 하지 않았습니다. 다시 보고 정하십시오.",
    ),
    "state_changed": (
        "거래 상태가 그 사이에 바뀌었습니다",
        "보신 뒤에 누군가 바꿨습니다. 아무것도 하지 않았습니다. 다시 보십시오.",
    ),
    "action_impossible": (
        "아무것도 하지 않았습니다",
        "지금 상태의 사이클에는 {action} 작업을 할 수 없습니다. 이유는 사이클 페이지에 있습니다.",
    ),
    "feeds_fixed": (
        "시세는 여기서 바꿀 수 없습니다",
        "환경 변수가 KIMP_FEEDS={feeds}로 정해 두었습니다. 여기서 고르려면 그 값 없이 시작하세요.",
    ),
    "archive_away": (
        "보관소가 응답하지 않습니다",
        "돌아올 때까지 지난 기록을 볼 수 없습니다. 실시간은 그대로 움직입니다. 사유: {reason}",
    ),
}
