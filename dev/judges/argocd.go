package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// The folder of health checks, laid out as in Argo CD's own repository.
const customizations = "argocd/resource_customizations/privatelink.dev"

// The kinds that have one.
var kinds = []string{"InstanceRole", "LambdaFunction", "VpcEndpoint"}

// Health is what a health check answers.
type Health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// health is the one that a user should be shown. An error that keeps coming back is shown as one, though retried:
// somebody should look at it.
func health(object *unstructured.Unstructured) Health {
	now := object.GetGeneration() == observedGeneration(object)
	condition := condition(object, ready)
	switch {
	case promised(object) == status.TerminatingStatus:
		return Health{"Progressing", "Being deleted"}
	case isPaused(object):
		return Health{"Suspended", "Paused by the annotation privatelink.dev/paused"}
	case condition == nil || !now:
		return Health{"Progressing", "Waiting for the operator"}
	case condition.Status == metav1.ConditionTrue:
		return Health{"Healthy", condition.Message}
	case condition.Status == metav1.ConditionFalse:
		return Health{"Degraded", condition.Message}
	default:
		return Health{"Progressing", condition.Message}
	}
}

func readByArgo(scripts map[string]string, object *unstructured.Unstructured) (string, error) {
	is, err := runScript(scripts[object.GetKind()], object)
	if err != nil {
		return "", err
	}
	if should := health(object); is != should {
		return "", fmt.Errorf("says %+v, and it is %+v", is, should)
	}
	return is.Status, nil
}

func readScripts(folder string) (map[string]string, error) {
	scripts := map[string]string{}
	for _, kind := range kinds {
		script, err := os.ReadFile(filepath.Join(folder, kind, "health.lua"))
		if err != nil {
			return nil, err
		}
		scripts[kind] = string(script)
	}
	return scripts, nil
}

// runScript runs a health check as Argo CD does for one from its settings: by the same interpreter, with the object in
// the global obj, and with the libraries package, base and table alone. Argo CD's safe part of os is left out.
func runScript(script string, object *unstructured.Unstructured) (Health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		call := lua.P{Fn: state.NewFunction(open), Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return Health{}, err
		}
	}
	text, err := object.MarshalJSON()
	if err != nil {
		return Health{}, err
	}
	value, err := luajson.Decode(state, text)
	if err != nil {
		return Health{}, err
	}
	state.SetGlobal("obj", value)
	if err := state.DoString(script); err != nil {
		return Health{}, err
	}
	answer, err := luajson.Encode(state.Get(-1))
	if err != nil {
		return Health{}, err
	}
	var health Health
	return health, json.Unmarshal(answer, &health)
}
