package main

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"
)

const repository = "../.."

// Each kind has its suite, as Argo CD's own test would run it, of at least fourteen states.
func TestHealthSuites(t *testing.T) {
	folder := filepath.Join(repository, customizations)
	scripts, err := readScripts(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		text, err := os.ReadFile(filepath.Join(folder, kind, "health_test.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var suite Suite
		if err := yaml.UnmarshalStrict(text, &suite); err != nil {
			t.Fatal(err)
		}
		if len(suite.Tests) < 14 {
			t.Errorf("%s has %d states", kind, len(suite.Tests))
		}
		fixtures, err := readFixtures(filepath.Join(folder, kind))
		if err != nil {
			t.Fatal(err)
		}
		if len(fixtures) != len(suite.Tests) {
			t.Errorf("%s has %d fixtures and %d cases", kind, len(fixtures), len(suite.Tests))
		}
		for _, test := range suite.Tests {
			t.Run(kind+"/"+test.InputPath, func(t *testing.T) {
				object := fixtures[filepath.Join(folder, kind, test.InputPath)]
				if object == nil || object.GetKind() != kind {
					t.Fatalf("%v is no %s", object, kind)
				}
				health, err := runScript(scripts[kind], object)
				if err != nil {
					t.Fatal(err)
				}
				if health != test.HealthStatus {
					t.Errorf("is %+v, and is to be %+v", health, test.HealthStatus)
				}
			})
		}
	}
}

// Argo CD has one script a kind; ours are about what all kinds share.
func TestScriptsAreTheSame(t *testing.T) {
	scripts, err := readScripts(filepath.Join(repository, customizations))
	if err != nil {
		t.Fatal(err)
	}
	for kind, script := range scripts {
		if script != scripts[kinds[0]] {
			t.Errorf("%s has another script than %s", kind, kinds[0])
		}
	}
}

func TestFixturesKeepWhatMatters(t *testing.T) {
	object := endpoint(t, 2, "Ready True 2")
	object.SetNamespace("wait-0a1b2c")
	object.SetUID("0d1c2b3a-0000-1111-2222-333344445555")
	object.SetAnnotations(map[string]string{
		"one": "vpce-0a1b2c3d4e5f60718", "same": "vpce-0a1b2c3d4e5f60718", "other": "subnet-1a2b3c4d",
		"arn": "arn:aws:ec2:ap-northeast-1:000000000000:x/wait-0a1b2c-x",
	})
	neutral, err := neutral(object)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"one": "vpce-00000000000000001", "same": "vpce-00000000000000001", "other": "subnet-00000000000000002",
		"arn": "arn:aws:ec2:ap-northeast-1:123456789012:x/team-x",
	} {
		if is := neutral.GetAnnotations()[name]; is != value {
			t.Errorf("%s is %s", name, is)
		}
	}
	if neutral.GetNamespace() != "team" || health(neutral) != health(object) || state(neutral) != state(object) {
		t.Errorf("is %v", neutral)
	}
}
