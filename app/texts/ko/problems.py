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
        "{address}에서 응답이 없습니다. KIMP_DASK_SCHEDULER를 확인하거나, 지우고 여기서 계산하십시오.",
    ),
    "cluster_failed": ("Dask 클러스터가 포기했습니다", "{reason}"),
    "disk_full": (
        "디스크 공간이 모자랍니다",
        "{needed}가 필요하지만 {free}만 남았습니다. 데이터나 백테스트를 지우거나 공간을 늘리십시오.",
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
}
