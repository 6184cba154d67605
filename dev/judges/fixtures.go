package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Suite is a health_test.yaml of Argo CD's.
type Suite struct {
	Tests []Case `json:"tests"`
}

// Case is one object and what its health is.
type Case struct {
	HealthStatus Health `json:"healthStatus"`
	InputPath    string `json:"inputPath"`
}

// writeFixtures writes, for each kind, the first version in each state that an apiserver had, and the suite that names
// their health.
func writeFixtures(repository, path string) error {
	found := map[string]map[string]*unstructured.Unstructured{}
	for _, kind := range kinds {
		found[kind] = map[string]*unstructured.Unstructured{}
	}
	err := eachRecord(path, func(record Record) error {
		object := record.Object
		if record.Type == written || hasForeignStatus(object) {
			return nil
		}
		if name := state(object); found[object.GetKind()][name] == nil {
			found[object.GetKind()][name] = object
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		if err := writeSuite(filepath.Join(repository, customizations, kind), found[kind]); err != nil {
			return err
		}
	}
	return nil
}

func writeSuite(folder string, objects map[string]*unstructured.Unstructured) error {
	testdata := filepath.Join(folder, "testdata")
	if err := os.RemoveAll(testdata); err != nil {
		return err
	}
	if err := os.MkdirAll(testdata, 0o755); err != nil {
		return err
	}
	var suite Suite
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		object, err := neutral(objects[name])
		if err != nil {
			return err
		}
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			return err
		}
		path := filepath.Join("testdata", name+".yaml")
		if err := os.WriteFile(filepath.Join(folder, path), text, 0o644); err != nil {
			return err
		}
		suite.Tests = append(suite.Tests, Case{HealthStatus: health(object), InputPath: path})
	}
	text, err := yaml.Marshal(suite)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "health_test.yaml"), text, 0o644)
}

// readFixtures reads the objects of a kind's suite, by path.
func readFixtures(folder string) (map[string]*unstructured.Unstructured, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "testdata", "*.yaml"))
	if err != nil {
		return nil, err
	}
	fixtures := map[string]*unstructured.Unstructured{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		json, err := yaml.YAMLToJSON(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(json); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		fixtures[path] = object
	}
	return fixtures, nil
}

// state names what tells one fixture from another: what is shown, and why.
func state(object *unstructured.Unstructured) string {
	words := []string{strings.ToLower(health(object).Status)}
	if condition(object, stalled) != nil {
		words = append(words, "stalled")
	}
	if condition(object, reconciling) != nil && words[0] == "degraded" {
		words = append(words, "retried")
	}
	if object.GetDeletionTimestamp() != nil {
		words = append(words, "deleting")
	} else if observedGeneration(object) != object.GetGeneration() {
		words = append(words, "edited")
	}
	if condition := condition(object, ready); condition != nil {
		words = append(words, snake(condition.Reason))
	} else {
		words = append(words, "new")
	}
	return strings.Join(words, "_")
}

var hump = regexp.MustCompile(`([a-z0-9])([A-Z])`)

func snake(camel string) string {
	return strings.ToLower(hump.ReplaceAllString(camel, "${1}_$2"))
}

// What differs from run to run, and what stands for it in a fixture.
var (
	awsID     = regexp.MustCompile(`\b(vpce|vpc|subnet|sg|rtb|eni|i|iip-assoc)-[0-9a-f]{8,17}\b`)
	domain    = regexp.MustCompile(`\b127\.0\.0\.1:[0-9]+`)
	account   = regexp.MustCompile(`\b[0-9]{12}\b`)
	timestamp = regexp.MustCompile(`\b20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`)
	uid       = regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\buid-[a-z]+-[0-9]+\b`)
)

// neutral is the object without what differs from run to run.
func neutral(object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	object = object.DeepCopy()
	namespace := object.GetNamespace()
	object.SetManagedFields(nil)
	object.SetResourceVersion("1")
	text, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	json := strings.ReplaceAll(string(text), namespace, "team")
	json = domain.ReplaceAllString(json, "amazonaws.com")
	json = account.ReplaceAllString(json, "123456789012")
	json = timestamp.ReplaceAllString(json, "2026-01-01T00:00:00Z")
	json = uid.ReplaceAllString(json, "00000000-0000-0000-0000-000000000001")
	numbers := map[string]int{}
	json = awsID.ReplaceAllStringFunc(json, func(id string) string {
		if _, known := numbers[id]; !known {
			numbers[id] = len(numbers) + 1
		}
		return fmt.Sprintf("%s-%017x", id[:strings.LastIndex(id, "-")], numbers[id])
	})
	neutral := &unstructured.Unstructured{}
	return neutral, neutral.UnmarshalJSON([]byte(json))
}
