package objects

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// oneConfigMap serves the ConfigMap ns/cm, and tells when a watch of it ended.
func oneConfigMap(t *testing.T, more string) (kubernetes.Interface, <-chan struct{}) {
	ended := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		const object = `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"namespace":"ns","name":"cm","resourceVersion":"1"},"data":{"k":"1"}%s}`
		if r.URL.Query().Get("watch") == "" {
			fmt.Fprintf(w, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[`+object+`]}`, more)
			return
		}
		if r.URL.Query().Get("sendInitialEvents") == "true" {
			fmt.Fprintf(w, `{"type":"ADDED","object":`+object+"}\n", more)
			fmt.Fprint(w, `{"type":"BOOKMARK","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"1","annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n")
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		ended <- struct{}{}
	}))
	t.Cleanup(server.Close)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return client, ended
}

func TestAnImmutableObjectIsNotWatchedAnyMore(t *testing.T) {
	client, ended := oneConfigMap(t, `,"immutable":true`)
	heard := make(chan types.UID, 10)
	s := New(t.Context(), client, func(uid types.UID) { heard <- uid })
	s.Register(&v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u"}, Spec: v1.PodSpec{Volumes: []v1.Volume{
		{VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: v1.LocalObjectReference{Name: "cm"}}}}}}})
	<-heard
	<-ended
	if got, err := s.ConfigMap(t.Context(), "ns", "cm"); err != nil || got.Data["k"] != "1" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAnObjectIsWatchedUntilItsLastPodIsGone(t *testing.T) {
	client, ended := oneConfigMap(t, "")
	heard := make(chan types.UID, 10)
	s := New(t.Context(), client, func(uid types.UID) { heard <- uid })
	for _, uid := range []types.UID{"a", "b"} {
		s.Register(&v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", UID: uid}, Spec: v1.PodSpec{Volumes: []v1.Volume{
			{VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: v1.LocalObjectReference{Name: "cm"}}}}}}})
	}
	<-heard
	s.Release("a")
	select {
	case <-ended:
		t.Fatal("the watch ended while a pod needs it")
	default:
	}
	s.Release("b")
	<-ended
}
