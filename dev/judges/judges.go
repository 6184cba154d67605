package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/runtime/conditions"
	conditionscheck "github.com/fluxcd/pkg/runtime/conditions/check"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Judge is one tool's reading of an object.
type Judge struct {
	Name string
	// Read answers the tool's verdict, and an error when it is not the one that it should be.
	Read func(*unstructured.Unstructured) (string, error)
}

// judges are all of them, with the scripts and expressions that users get from this repository.
func judges(repository string) ([]Judge, error) {
	expressions, err := readExpressions(filepath.Join(repository, "docs/gitops.md"))
	if err != nil {
		return nil, err
	}
	scripts, err := readScripts(filepath.Join(repository, customizations))
	if err != nil {
		return nil, err
	}
	return []Judge{
		{"kstatus", readByKstatus},
		{"Flux's conditions", readByFlux},
		{"Flux's expressions", func(object *unstructured.Unstructured) (string, error) {
			return readByExpressions(expressions, object)
		}},
		{"Argo CD", func(object *unstructured.Unstructured) (string, error) { return readByArgo(scripts, object) }},
	}, nil
}

func readByKstatus(object *unstructured.Unstructured) (string, error) {
	result, err := status.Compute(object)
	if err != nil {
		return "", err
	}
	return agree(result.Status, promised(object))
}

// readByFlux has Flux's rules for controllers applied to a status at the generation that it was written for: an edit that
// the operator has not seen yet is no fault of its own.
func readByFlux(object *unstructured.Unstructured) (string, error) {
	if observedGeneration(object) == -1 {
		return "nothing written yet", nil
	}
	object = object.DeepCopy()
	object.SetGeneration(observedGeneration(object))
	verdict := "settled"
	checker := conditionscheck.NewChecker(nil, &conditionscheck.Conditions{NegativePolarity: []string{stalled, reconciling}})
	if condition := condition(object, ready); condition != nil && condition.Status == metav1.ConditionUnknown ||
		saysNow(object, reconciling, metav1.ConditionTrue) {
		verdict = "in progress"
		checker = conditionscheck.NewInProgressChecker(nil)
	}
	checker.DisableFetch = true
	failure, warning := checker.Check(context.Background(), conditions.UnstructuredGetter(object))
	if failure != nil || warning != nil {
		return "", fmt.Errorf("FAIL %v, WARN %v", failure, warning)
	}
	return verdict, nil
}

func readByExpressions(expressions *cel.StatusEvaluator, object *unstructured.Unstructured) (string, error) {
	result, err := expressions.Evaluate(context.Background(), object)
	if err != nil {
		return "", err
	}
	should := promised(object)
	if should == status.TerminatingStatus {
		// The expressions know three states.
		should = status.InProgressStatus
	}
	return agree(result.Status, should)
}

// readExpressions takes the health check expressions out of a page.
func readExpressions(path string) (*cel.StatusEvaluator, error) {
	page, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for _, block := range strings.Split(string(page), "```yaml\n")[1:] {
		var manifest struct {
			Spec struct {
				HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
			} `json:"spec"`
		}
		text, _, _ := strings.Cut(block, "```")
		if err := yaml.Unmarshal([]byte(text), &manifest); err != nil {
			continue
		}
		if checks := manifest.Spec.HealthCheckExprs; len(checks) == 1 {
			return cel.NewStatusEvaluator(&checks[0].HealthCheckExpressions)
		}
	}
	return nil, fmt.Errorf("%s has no manifest with one item in healthCheckExprs", path)
}

func agree[Verdict ~string](is, should Verdict) (string, error) {
	if is != should {
		return "", fmt.Errorf("says %s, and it is %s", is, should)
	}
	return string(is), nil
}
