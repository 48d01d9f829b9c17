package garbagecollector

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestJudge(t *testing.T) {
	const background, foreground, orphan = metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan
	for name, test := range map[string]struct {
		states     []ownerState
		finalizers []string
		dependents bool
		want       verb
		kept       int
		policy     metav1.DeletionPropagation
	}{
		"no owners":                                 {want: leave},
		"its owner is there":                        {states: []ownerState{present}, want: leave},
		"one of two is there":                       {states: []ownerState{absent, present}, want: trim, kept: 1},
		"one is there, one waits":                   {states: []ownerState{present, waiting}, want: trim, kept: 1},
		"whether its owner is there nobody can say": {states: []ownerState{unjudgeable}, want: leave},
		"none is there":                             {states: []ownerState{absent, absent}, want: remove, policy: background},
		"none is there, orphans wanted":             {states: []ownerState{absent}, finalizers: []string{metav1.FinalizerOrphanDependents}, want: remove, policy: orphan},
		"none is there, foreground wanted":          {states: []ownerState{absent}, finalizers: []string{metav1.FinalizerDeleteDependents}, want: remove, policy: foreground},
		"its owner waits":                           {states: []ownerState{waiting}, want: remove, policy: background},
		"its owner waits, it has dependents":        {states: []ownerState{waiting}, dependents: true, want: remove, policy: foreground},
	} {
		t.Run(name, func(t *testing.T) {
			live := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Finalizers: test.finalizers}}
			for range test.states {
				live.OwnerReferences = append(live.OwnerReferences, ownedBy("o", true))
			}
			got := judge(live, test.states, test.dependents)
			if got.do != test.want || got.policy != test.policy || got.do == trim && len(got.owners) != test.kept {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestCollectable(t *testing.T) {
	all := metav1.Verbs{"create", "delete", "get", "list", "watch"}
	got := collectable([]*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "pods", Kind: "Pod", Verbs: all},
			{Name: "events", Kind: "Event", Verbs: all},
			{Name: "bindings", Kind: "Binding", Verbs: metav1.Verbs{"create"}},
		}},
		{GroupVersion: "example.com/v1", APIResources: []metav1.APIResource{{Name: "widgets", Kind: "Widget", Verbs: all}}},
		{GroupVersion: "not/a/version", APIResources: []metav1.APIResource{{Name: "x", Kind: "X", Verbs: all}}},
	})
	if len(got) != 2 || !got[kindOf{widget.GroupVersion().WithResource("widgets"), widget}] {
		t.Errorf("collectable: %v, want pods and widgets", got)
	}
}
