package controller

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
)

func TestClaimOn(t *testing.T) {
	deleted := &metav1.Time{Time: time.Unix(1, 0)}
	mine := []metav1.OwnerReference{{UID: "me", Controller: ptr.To(true)}}
	others := []metav1.OwnerReference{{UID: "other", Controller: ptr.To(true)}}
	notController := []metav1.OwnerReference{{UID: "other"}}
	for name, test := range map[string]struct {
		owner metav1.ObjectMeta
		refs  []metav1.OwnerReference
		app   string
		gone  *metav1.Time
		ns    string
		want  Claim
	}{
		"mine, matching":                      {refs: mine, app: "web", want: Keep},
		"mine, no longer matching":            {refs: mine, app: "db", want: Release},
		"mine, not matching, I am going":      {owner: metav1.ObjectMeta{DeletionTimestamp: deleted}, refs: mine, app: "db", want: Ignore},
		"mine and going":                      {refs: mine, app: "web", gone: deleted, want: Keep},
		"another's, matching":                 {refs: others, app: "web", want: Ignore},
		"orphan, matching":                    {app: "web", want: Adopt},
		"orphan with an owner not in control": {refs: notController, app: "web", want: Adopt},
		"orphan, not matching":                {app: "db", want: Ignore},
		"orphan, going":                       {app: "web", gone: deleted, want: Ignore},
		"orphan, I am going":                  {owner: metav1.ObjectMeta{DeletionTimestamp: deleted}, app: "web", want: Ignore},
		"orphan elsewhere":                    {app: "web", ns: "elsewhere", want: Ignore},
	} {
		t.Run(name, func(t *testing.T) {
			owner := &corev1.ReplicationController{ObjectMeta: test.owner}
			owner.UID = "me"
			obj := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Namespace: test.ns, OwnerReferences: test.refs, DeletionTimestamp: test.gone, Labels: map[string]string{"app": test.app},
			}}
			if got := ClaimOn(owner, labels.SelectorFromSet(labels.Set{"app": "web"}), obj); got != test.want {
				t.Errorf("claim is %d, want %d", got, test.want)
			}
		})
	}
}

// An owner that has been deleted and made again must not adopt on the strength
// of a stale cache.
func TestClaimerAsksWhetherTheOwnerStillIs(t *testing.T) {
	owner := &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "old"}}
	claimer := Claimer[*corev1.Pod]{
		Owner: owner, Kind: corev1.SchemeGroupVersion.WithKind("ReplicationController"),
		Selector: labels.SelectorFromSet(labels.Set{"app": "web"}),
		Live: func(context.Context) (metav1.Object, error) {
			return &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "new"}}, nil
		},
		Patch: func(context.Context, string, []byte) error {
			t.Error("adopted all the same")
			return nil
		},
	}
	orphan := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"app": "web"}}}
	owned, err := claimer.Claim(t.Context(), []*corev1.Pod{orphan})
	if len(owned) != 0 || err == nil || !strings.Contains(err.Error(), "got uid new, wanted old") {
		t.Errorf("claimed %d, error %v", len(owned), err)
	}
}

// A finalizer comes with adoption and goes with release.
func TestClaimerKeepsAFinalizer(t *testing.T) {
	owner := &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "me"}}
	patches := map[string]string{}
	claimer := Claimer[*corev1.Pod]{
		Owner: owner, Kind: corev1.SchemeGroupVersion.WithKind("ReplicationController"), Finalizer: "example.com/f",
		Selector: labels.SelectorFromSet(labels.Set{"app": "web"}),
		Live:     func(context.Context) (metav1.Object, error) { return owner, nil },
		Patch: func(_ context.Context, name string, patch []byte) error {
			patches[name] = string(patch)
			return nil
		},
	}
	orphan := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "orphan", UID: "1", Labels: map[string]string{"app": "web"}}}
	lost := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "lost", UID: "2", OwnerReferences: []metav1.OwnerReference{{UID: "me", Controller: ptr.To(true)}}}}
	if _, err := claimer.Claim(t.Context(), []*corev1.Pod{orphan, lost}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"orphan": `{"metadata":{"finalizers":["example.com/f"],"ownerReferences":[{"apiVersion":"v1","kind":"ReplicationController","name":"web","uid":"me","controller":true,"blockOwnerDeletion":true}],"uid":"1"}}`,
		"lost":   `{"metadata":{"$deleteFromPrimitiveList/finalizers":["example.com/f"],"ownerReferences":[{"$patch":"delete","uid":"me"}],"uid":"2"}}`,
	} {
		if patches[name] != want {
			t.Errorf("%s: %s\nwant %s", name, patches[name], want)
		}
	}
}
