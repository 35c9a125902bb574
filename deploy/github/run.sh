#!/usr/bin/env bash
# Judge with what the action's inputs say (IMAGEGATE_*), and hand the reports to GitHub. Ends with imagegate's exit code.
set -euo pipefail
reports=${IMAGEGATE_REPORTS:-reports}
summary_limit=1000000 # bytes; GitHub takes 1 MiB a step

if [[ $reports == *$'\n'* ]]; then
    echo "::error::report-dir: one line, please"
    exit 4
fi

set -f
IFS=$'\r\n' # lists are split at line ends, and nowhere else
words=(--policy="${IMAGEGATE_POLICY:?the input policy is required}" --report-dir="$reports")
words+=(--format=html --format=sarif --format=markdown --format=github)
command=audit
for name in ${IMAGEGATE_CLOUD:-}; do words+=(--cloud="$name"); done
for name in ${IMAGEGATE_INVENTORY:-}; do words+=(--inventory="$name"); done
for name in ${IMAGEGATE_INSTANCES:-}; do words+=(--instance="$name") && command=gate; done
for word in ${IMAGEGATE_ARGS:-}; do words+=("$word"); done

before=$(readlink "$reports/latest" || true)
code=0
"${RUNNER_TEMP:?is set by GitHub}/imagegate/bin/imagegate" "$command" "${words[@]}" || code=$?
echo "exit-code=$code" >> "${GITHUB_OUTPUT:?is set by GitHub}"

after=$(readlink "$reports/latest" || true)
if [[ -z $after || $after == "$before" ]]; then
    echo "imagegate ended with $code before there was a report; the log of this step says why." >> "${GITHUB_STEP_SUMMARY:?}"
    exit "$code"
fi
run=$(cd "$reports/$after" && pwd -P)
echo "report=$run" >> "$GITHUB_OUTPUT"
cat "$run/annotations.txt" # workflow commands: GitHub reads them in the log
if [[ -s $run/report.sarif ]]; then echo "sarif=$run/report.sarif" >> "$GITHUB_OUTPUT"; fi
if (($(wc -c < "$run/report.md") <= summary_limit)); then
    cat "$run/report.md" >> "${GITHUB_STEP_SUMMARY:?}"
else
    echo "The report is too long for this page: see report.md in the folder of the run." >> "${GITHUB_STEP_SUMMARY:?}"
fi
exit "$code"
