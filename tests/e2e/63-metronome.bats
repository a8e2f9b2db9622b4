# Goal: Metronome's jobs on this host, through the real agent: run, failed, tried again, stopped, scheduled, ended by their profile.
load helper
load agent

job()
{
	printf '{"id":"%s","run":{"cpus":0.1,"mem":32,"disk":0,"cmd":"%s"%s}%s}' "$1" "$2" "${3:-}" "${4:-}"
}

# A directory that tasks share with the test: /tmp is a task's own.
shared=',"volumes":[{"containerPath":"/mnt","hostPath":"DIR","mode":"RW"}]'

share()
{
	mkdir -p "$dir/shared"
	shared=${shared/DIR/$dir/shared}
}

# run_job ID: its run's id in $run.
run_job()
{
	api POST "/v1/jobs/$1/runs"
	answers 201 '"status": "STARTING"'
	run=$(sed 's/^{"id": "\([^"]*\)".*/\1/' <<<"$body")
}

@test "a run that ends well is a success in the history" {
	agent_start
	api POST /v1/jobs "$(job prod.hello 'exit 0')"
	answers 201 '"id": "prod.hello"'
	api POST /v1/jobs "$(job prod.hello 'exit 0')"
	answers 409 'Job with this id already exists'
	run_job prod.hello
	until_api '/v1/jobs/prod.hello?embed=history' '"successCount": 1'
	[[ $body == *"\"id\": \"$run\""* ]]
	api GET "/v1/jobs/prod.hello/runs/$run"
	answers 404 'Job Run not found'
	api GET /api/v1/tasks?owner=metronome
	answers 200 '"state": "TASK_FINISHED"'
	[[ $body == *"prod_hello_$run.instance-"* ]]
}

@test "a run that fails is tried again as its policy says" {
	agent_start
	api POST /v1/jobs "$(job never 'exit 3')"
	run_job never
	until_api '/v1/jobs/never?embed=history' '"message": "Command exited with status 3"'
	[[ $body == *'"failureCount": 1'* ]]
	# The second time it finds what the first has left.
	share
	api POST /v1/jobs "$(job again "test -e /mnt/been || { touch /mnt/been; exit 1; }" "$shared"',"restart":{"policy":"ON_FAILURE"}')"
	run_job again
	until_api '/v1/jobs/again?embed=history' '"successCount": 1'
	[[ $body == *'"failureCount": 0'* ]]
}

@test "a run that its profile ends has failed, and its history names the call" {
	agent_start
	printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_KILL"}]}' >"$dir/profiles/no-mkdir.json"
	chmod 644 "$dir/profiles/no-mkdir.json"
	share
	api POST /v1/jobs "$(job tight "exec mkdir /mnt/made" "$shared"',"linuxInfo":{"seccomp":{"profileName":"no-mkdir.json"}}')"
	answers 201 '"profileName": "no-mkdir.json"'
	run_job tight
	until_api '/v1/jobs/tight?embed=history' '"failureCount": 1'
	[[ $body == *'Bad system call'* ]]
	[[ $body == *'"profile": "no-mkdir.json"'* ]]
	[[ $body == *'mkdir ('* ]] || [[ $body == *'which one is not known'* ]] # where the audit log cannot be read
	[ ! -e "$dir/shared/made" ]
}

@test "the three states of seccomp are Marathon's, and docker is told where its setting would go" {
	agent_start
	api POST /v1/jobs "$(job a true ',"linuxInfo":{"seccomp":{}}')"
	answers 422 'Seccomp unconfined must be true when Profile is NOT defined'
	api POST /v1/jobs "$(job a true ',"linuxInfo":{"seccomp":{"profileName":"x","unconfined":true}}')"
	answers 422 'Seccomp unconfined can NOT be true when Profile is defined'
	api POST /v1/jobs "$(job a true ',"docker":{"image":"busybox"},"linuxInfo":{"seccomp":{"unconfined":true}}')"
	answers 422 'docker would hand the task to the Docker engine'
	api POST /v1/jobs "$(job open 'grep -q ^Seccomp:.*0$ /proc/self/status' ',"linuxInfo":{"seccomp":{"unconfined":true}}')"
	run_job open
	until_api '/v1/jobs/open?embed=historySummary' '"successCount": 1'
	api POST /v1/jobs "$(job closed 'grep -q ^Seccomp:.*2$ /proc/self/status')"
	run_job closed
	until_api '/v1/jobs/closed?embed=historySummary' '"successCount": 1'
	# A profile that is not there: the run fails with the sentence, and nothing ran.
	share
	api POST /v1/jobs "$(job missing 'touch /mnt/ran' "$shared"',"linuxInfo":{"seccomp":{"profileName":"nowhere.json"}}')"
	answers 201
	run_job missing
	until_api '/v1/jobs/missing?embed=history' 'Failed to launch container: '
	[ ! -e "$dir/shared/ran" ]
}

@test "a run is stopped, and a job with runs is deleted only on request" {
	agent_start
	api POST /v1/jobs "$(job long 'sleep 1000')"
	run_job long
	until_api "/v1/jobs/long/runs/$run" '"status": "ACTIVE"'
	api DELETE /v1/jobs/long
	answers 409 'There are active job runs. Override with stopCurrentJobRuns=true'
	api POST "/v1/jobs/long/runs/$run/actions/stop"
	answers 200 '"status": "FAILED"'
	until_api '/api/v1/tasks?owner=metronome' '"state": "TASK_KILLED"'
	run_job long
	api DELETE '/v1/jobs/long?stopCurrentJobRuns=true'
	answers 200
	api GET /v1/jobs/long
	answers 404 'Job not found'
}

@test "runs outlive the agent: ended while it was away, and still there" {
	agent_start
	api POST /v1/jobs "$(job short 'sleep 1')"
	run_job short
	api POST /v1/jobs "$(job long 'sleep 1000')"
	run_job long
	until_api "/v1/jobs/long/runs/$run" '"status": "ACTIVE"'
	agent_end KILL
	sleep 2
	agent_start
	until_api '/v1/jobs/short?embed=historySummary' '"successCount": 1'
	api GET "/v1/jobs/long/runs/$run"
	answers 200 '"status": "ACTIVE"'
	api POST "/v1/jobs/long/runs/$run/actions/stop"
	answers 200
}

@test "a schedule starts runs, and says when the next will be" {
	agent_start
	api POST /v0/scheduled-jobs "$(job tick 'exit 0' '' ',"schedules":[{"id":"minutely","cron":"* * * * *","timezone":"UTC"}]')"
	answers 201 '"nextRunAt"'
	api GET /v1/jobs/tick/schedules/minutely
	answers 200 '"concurrencyPolicy": "ALLOW"'
	until_api '/v1/jobs/tick?embed=historySummary' '"successCount": 1' 75
	api POST /v1/jobs/tick/schedules '{"id":"two","cron":"* * * * *"}'
	answers 409 'Only one schedule supported'
	api DELETE /v1/jobs/tick/schedules/minutely
	answers 200
}

@test "what one host cannot do is refused by name" {
	agent_start --attributes='zone:west'
	api POST /v1/jobs "$(job a true ',"secrets":{"s":{"source":"/x"}}')"
	answers 422 'there is no secret store on this host'
	api POST /v1/jobs "$(job a true ',"artifacts":[{"uri":"http://x/y"}]')"
	answers 422 '/run/artifacts'
	api POST /v1/jobs "$(job a true ',"placement":{"constraints":[{"attribute":"rack","operator":"IS","value":"2"}]}')"
	answers 422 "this one has no attribute 'rack'"
	api POST /v1/jobs "$(job a true ',"placement":{"constraints":[{"attribute":"zone","operator":"IS","value":"east"}]}')"
	answers 422 "this one host has 'west' for 'zone', which it excludes"
	api POST /v1/jobs "$(job there true ',"placement":{"constraints":[{"attribute":"zone","operator":"IS","value":"west"}]}')"
	answers 201
	api POST /v1/jobs "$(job a true ',"surprise":1')"
	answers 422 "Additional properties are not allowed but found 'surprise'."
	api POST /v1/jobs '{'
	answers 400
}
