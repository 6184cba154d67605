package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// An endpoint at generation 2 with these conditions, each `type status generation`.
func endpoint(t *testing.T, observed int, conditions ...string) *unstructured.Unstructured {
	t.Helper()
	var items []string
	for _, condition := range conditions {
		var conditionType, status string
		var generation int
		if _, err := fmt.Sscan(condition, &conditionType, &status, &generation); err != nil {
			t.Fatal(err)
		}
		items = append(items, fmt.Sprintf(
			`{"type":%q,"status":%q,"observedGeneration":%d,"reason":"Because","message":"m","lastTransitionTime":"2026-01-01T00:00:00Z"}`,
			conditionType, status, generation))
	}
	object := &unstructured.Unstructured{}
	text := fmt.Sprintf(`{"apiVersion":"privatelink.dev/v1alpha1","kind":"VpcEndpoint",
		"metadata":{"name":"a","namespace":"team","generation":2},
		"status":{"observedGeneration":%d,"conditions":[%s]}}`, observed, strings.Join(items, ","))
	if err := object.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return object
}

func read(t *testing.T, name string, object *unstructured.Unstructured) (string, error) {
	t.Helper()
	judges, err := judges(repository)
	if err != nil {
		t.Fatal(err)
	}
	for _, judge := range judges {
		if judge.Name == name {
			return judge.Read(object)
		}
	}
	t.Fatalf("no judge %s", name)
	return "", nil
}

func TestTheFourStandingsAreReadAlike(t *testing.T) {
	for _, test := range []struct {
		conditions                       []string
		kstatus, flux, expressions, argo string
	}{
		{[]string{"Ready True 2"}, "Current", "settled", "Current", "Healthy"},
		{[]string{"Ready Unknown 2", "Reconciling True 2"}, "InProgress", "in progress", "InProgress", "Progressing"},
		{[]string{"Ready False 2", "Reconciling True 2"}, "InProgress", "in progress", "InProgress", "Degraded"},
		{[]string{"Ready False 2", "Stalled True 2"}, "Failed", "settled", "Failed", "Degraded"},
	} {
		object := endpoint(t, 2, test.conditions...)
		for judge, verdict := range map[string]string{
			"kstatus": test.kstatus, "Flux's conditions": test.flux,
			"Flux's expressions": test.expressions, "Argo CD": test.argo,
		} {
			if is, err := read(t, judge, object); is != verdict || err != nil {
				t.Errorf("%v: %s says %q, %v", test.conditions, judge, is, err)
			}
		}
	}
}

func TestAnEditThatWasNotSeenYetIsInProgress(t *testing.T) {
	object := endpoint(t, 1, "Ready True 1")
	for judge, verdict := range map[string]string{
		"kstatus": "InProgress", "Flux's conditions": "settled",
		"Flux's expressions": "InProgress", "Argo CD": "Progressing",
	} {
		if is, err := read(t, judge, object); is != verdict || err != nil {
			t.Errorf("%s says %q, %v", judge, is, err)
		}
	}
}

func TestMisleadingStatusesAreRefused(t *testing.T) {
	for _, test := range []struct {
		judge  string
		object *unstructured.Unstructured
	}{
		{"kstatus", endpoint(t, 2, "Ready True 1")},
		{"kstatus", endpoint(t, 2, "Ready True 2", "Reconciling True 2")},
		{"kstatus", endpoint(t, 2)},
		{"Flux's conditions", endpoint(t, 2, "Stalled True 2")},
		{"Flux's conditions", endpoint(t, 2, "Ready Unknown 2")},
		{"Flux's conditions", endpoint(t, 2, "Ready True 2", "Stalled True 2")},
		{"Flux's conditions", endpoint(t, 2, "Ready True 1")},
		{"Flux's conditions", endpoint(t, 2, "Ready False 2", "Stalled False 2")},
	} {
		if verdict, err := read(t, test.judge, test.object); err == nil {
			t.Errorf("%s reads %v as %s", test.judge, test.object.Object["status"], verdict)
		}
	}
}

func records(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "statuses.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRecordsThatShowLittleAreRefused(t *testing.T) {
	gap := `{"type":"ERROR","object":{"apiVersion":"v1","kind":"Status","code":410}}`
	current, err := endpoint(t, 2, "Ready True 2").MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for what, path := range map[string]string{
		"no version of a": records(t, `{"type":"ADDED","object":`+strings.TrimSpace(string(current))+`}`),
		"has a gap":       records(t, gap),
		"no such file":    filepath.Join(t.TempDir(), "statuses.jsonl"),
	} {
		if err := check(repository, path, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
