package main

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Tally counts what was judged of one kind.
type Tally struct {
	watched, modelled, foreign int
	distinct                   map[uint64]bool
	// By judge, then by verdict.
	verdicts map[string]map[string]int
}

// check judges all records and prints how many had which verdict. It fails when an object is misread, and when the
// records don't have each of kstatus's verdicts for each kind, since they then show little.
func check(repository, path string, out io.Writer) error {
	judges, err := judges(repository)
	if err != nil {
		return err
	}
	tallies := map[string]*Tally{}
	for _, kind := range kinds {
		tallies[kind] = &Tally{distinct: map[uint64]bool{}, verdicts: map[string]map[string]int{}}
	}
	seed := maphash.MakeSeed()
	err = eachRecord(path, func(record Record) error {
		object := record.Object
		tally, known := tallies[object.GetKind()]
		if !known {
			return fmt.Errorf("unknown kind %s", object.GetKind())
		}
		if hasForeignStatus(object) {
			tally.foreign++
			return nil
		}
		if record.Type == written {
			tally.modelled++
		} else {
			tally.watched++
		}
		tally.distinct[maphash.Bytes(seed, timeless(object))] = true
		for _, judge := range judges {
			verdict, err := judge.Read(object)
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", judge.Name, err, display(object))
			}
			if tally.verdicts[judge.Name] == nil {
				tally.verdicts[judge.Name] = map[string]int{}
			}
			tally.verdicts[judge.Name][verdict]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	report(out, judges, tallies)
	return suffices(judges[0].Name, tallies)
}

func suffices(kstatus string, tallies map[string]*Tally) error {
	for _, kind := range kinds {
		if tallies[kind].watched == 0 {
			return fmt.Errorf("no version of a %s was recorded from an apiserver", kind)
		}
		for _, verdict := range []status.Status{
			status.InProgressStatus, status.CurrentStatus, status.FailedStatus, status.TerminatingStatus,
		} {
			if tallies[kind].verdicts[kstatus][string(verdict)] == 0 {
				return fmt.Errorf("no recorded version of a %s is %s", kind, verdict)
			}
		}
	}
	return nil
}

func report(out io.Writer, judges []Judge, tallies map[string]*Tally) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KIND\tVERSIONS\tOF A MODEL\tOF OTHERS\tDISTINCT\tJUDGE\tVERDICTS")
	for _, kind := range kinds {
		tally := tallies[kind]
		start := fmt.Sprintf("%s\t%d\t%d\t%d\t%d", kind, tally.watched, tally.modelled, tally.foreign, len(tally.distinct))
		for _, judge := range judges {
			verdicts := tally.verdicts[judge.Name]
			var counts []string
			for _, verdict := range slices.Sorted(maps.Keys(verdicts)) {
				counts = append(counts, fmt.Sprintf("%s %d", verdict, verdicts[verdict]))
			}
			fmt.Fprintf(table, "%s\t%s\t%s\n", start, judge.Name, strings.Join(counts, ", "))
			start = "\t\t\t\t"
		}
	}
	table.Flush()
}

// timeless is the status without the times in it.
func timeless(object *unstructured.Unstructured) []byte {
	status, found, _ := unstructured.NestedMap(object.Object, "status")
	if !found {
		return nil
	}
	conditions, _, _ := unstructured.NestedSlice(status, "conditions")
	for _, condition := range conditions {
		delete(condition.(map[string]any), "lastTransitionTime")
	}
	status["conditions"] = conditions
	text, _ := json.Marshal(status)
	return text
}

func display(object *unstructured.Unstructured) string {
	object = object.DeepCopy()
	object.SetManagedFields(nil)
	text, _ := yaml.Marshal(object.Object)
	return string(text)
}
