package main

import (
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/runtime/conditions"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	ready       = "Ready"
	reconciling = "Reconciling"
	stalled     = "Stalled"

	pausedAnnotation = "privatelink.dev/paused"
)

// promised is how an object stands by what the operator documents of its conditions: Current and Failed only by what it
// says of the object's present generation.
func promised(object *unstructured.Unstructured) status.Status {
	switch {
	case object.GetDeletionTimestamp() != nil:
		return status.TerminatingStatus
	case saysNow(object, ready, metav1.ConditionTrue):
		return status.CurrentStatus
	case saysNow(object, stalled, metav1.ConditionTrue):
		return status.FailedStatus
	default:
		return status.InProgressStatus
	}
}

// saysNow tells whether a condition has this status, and both it and the whole status are about the present generation.
func saysNow(object *unstructured.Unstructured, conditionType string, is metav1.ConditionStatus) bool {
	condition := condition(object, conditionType)
	return condition != nil && condition.Status == is &&
		condition.ObservedGeneration == object.GetGeneration() && observedGeneration(object) == object.GetGeneration()
}

func condition(object *unstructured.Unstructured, conditionType string) *metav1.Condition {
	return conditions.Get(conditions.UnstructuredGetter(object), conditionType)
}

// observedGeneration is -1, the default that the CustomResourceDefinitions set, until the operator has written.
func observedGeneration(object *unstructured.Unstructured) int64 {
	observed, found, err := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if err != nil || !found {
		return -1
	}
	return observed
}

func isPaused(object *unstructured.Unstructured) bool {
	return object.GetAnnotations()[pausedAnnotation] == "true"
}
