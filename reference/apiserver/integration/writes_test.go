package integration_test

import (
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fieldValidation decides whether what the server does not know is refused, warned of or dropped.
func TestFieldValidation(t *testing.T) {
	path := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	const body = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"a-"},"foo":1,"data":{"k":"1","k":"2"}}`
	post(t, path+"?fieldValidation=Strict", body).want(t, http.StatusBadRequest, `strict decoding error: `, `unknown field "foo"`, `duplicate field "data.k"`)
	warned := post(t, path, body).want(t, http.StatusCreated).Header.Values("Warning")
	if all := strings.Join(warned, "\n"); !strings.Contains(all, `299 - "unknown field \"foo\""`) || !strings.Contains(all, `299 - "duplicate field \"data.k\""`) {
		t.Errorf("warnings: %q", warned)
	}
	if quiet := post(t, path+"?fieldValidation=Ignore", body).want(t, http.StatusCreated).Header.Values("Warning"); len(quiet) > 0 {
		t.Errorf("warnings: %q", quiet)
	}
	post(t, path+"?fieldValidation=Odd", body).want(t, http.StatusUnprocessableEntity, `fieldValidation: Unsupported value: "Odd"`)
}

func TestNamesInBodyAndPath(t *testing.T) {
	ns := namespace(t)
	path := "/api/v1/namespaces/" + ns + "/configmaps"
	post(t, path, configMap("a", `,"namespace":"default"`)).want(t, http.StatusBadRequest,
		"the namespace of the provided object does not match the namespace sent on the request")
	post(t, path, configMap("a", "")).want(t, http.StatusCreated)
	post(t, path, configMap("a", "")).want(t, http.StatusConflict, `configmaps "a" already exists`)
	ask(t, api.Config, http.MethodPut, path+"/a", configMap("b", "")).want(t, http.StatusBadRequest,
		"the name of the object (b) does not match the name on the URL (a)")
	post(t, path, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}`).want(t, http.StatusBadRequest)
	ask(t, api.Config, http.MethodPut, path+"/a", configMap("a", `,"resourceVersion":"1"`)).want(t, http.StatusConflict,
		"the object has been modified; please apply your changes to the latest version and try again")
	ask(t, api.Config, http.MethodDelete, path+"/a", `{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"nobody"}}`, "Content-Type", "application/json").
		want(t, http.StatusConflict, "the UID in the precondition (nobody) does not match the UID in record (")
	ask(t, api.Config, http.MethodDelete, path+"/a?dryRun=All", "").want(t, http.StatusOK)
	get(t, path+"/a").want(t, http.StatusOK)
}

// Two managers of one field conflict, in the words that users know; force takes the field over; what a
// manager no longer applies is removed unless another has it.
func TestServerSideApply(t *testing.T) {
	path := "/apis/apps/v1/namespaces/" + namespace(t) + "/deployments/web"
	deployment := func(replicas, extra string) string {
		return `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{` + replicas + `"selector":{"matchLabels":{"a":"b"}},
			"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80` + extra + `}]}]}}}}`
	}
	patch(t, applyPatch, path, deployment("", "")).want(t, http.StatusUnprocessableEntity, "fieldManager: Required value: is required for apply patch")
	patch(t, applyPatch, path+"?fieldManager=one", deployment(`"replicas":2,`, "")).want(t, http.StatusCreated)
	conflict := patch(t, applyPatch, path+"?fieldManager=two", deployment(`"replicas":3,`, `,"protocol":"TCP"`)).
		want(t, http.StatusConflict, `Apply failed with 1 conflict: conflict with "one": .spec.replicas`)
	status := decode[metav1.Status](t, conflict)
	if len(status.Details.Causes) != 1 || status.Details.Causes[0] != (metav1.StatusCause{Type: "FieldManagerConflict", Message: `conflict with "one"`, Field: ".spec.replicas"}) {
		t.Errorf("causes: %+v", status.Details.Causes)
	}
	patch(t, applyPatch, path+"?fieldManager=two&force=true", deployment(`"replicas":3,`, `,"protocol":"TCP"`)).want(t, http.StatusOK, `"replicas":3`)
	patch(t, applyPatch, path+"?fieldManager=one", deployment("", "")).want(t, http.StatusOK, `"replicas":3`)
	patch(t, applyPatch, path+"?fieldManager=two", deployment("", "")).want(t, http.StatusOK, `"replicas":1`)
	patch(t, applyPatch, path+"?fieldManager="+strings.Repeat("m", 129), deployment("", "")).want(t, http.StatusUnprocessableEntity, "fieldManager: Too long")
}
