package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// The field manager by which the operator writes.
const operator = "privatelink-operator"

// Written is the type of the records that the in-process model of the cluster leaves. It records what the operator
// writes, not what others do; all others come from a watch on an apiserver.
const written watch.EventType = "WRITTEN"

// Record is one version of a custom resource.
type Record struct {
	Type   watch.EventType
	Object *unstructured.Unstructured
}

// eachRecord reads a file of records. Numbers become int64 where they can, as in a client of the apiserver; kstatus asks
// for that.
func eachRecord(path string, visit func(Record) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewReader(file)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, number, err)
		}
		record, err := parseRecord(line)
		if err == nil {
			err = visit(record)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, number, err)
		}
	}
}

func parseRecord(line []byte) (Record, error) {
	var raw struct {
		Type   watch.EventType `json:"type"`
		Object json.RawMessage `json:"object"`
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		return Record{}, err
	}
	switch raw.Type {
	case watch.Added, watch.Modified, watch.Deleted, written:
	default:
		return Record{}, fmt.Errorf("the recording has a gap: %s", line)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(raw.Object); err != nil {
		return Record{}, err
	}
	return Record{Type: raw.Type, Object: object}, nil
}

// hasForeignStatus tells whether the status has fields that somebody else than the operator wrote last.
func hasForeignStatus(object *unstructured.Unstructured) bool {
	for _, entry := range object.GetManagedFields() {
		if entry.Subresource == "status" && entry.Manager != operator {
			return true
		}
	}
	return false
}
