package integration_test

import (
	"compress/gzip"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	protobufType = "application/vnd.kubernetes.protobuf"
	cborType     = "application/cbor"
)

// JSON, YAML and protobuf are served; CBOR is behind a gate that is off in v1.37.
func TestMediaTypes(t *testing.T) {
	const path = "/api/v1/namespaces/default"
	for accept, want := range map[string]string{
		"":                                  "application/json",
		"*/*":                               "application/json",
		"application/json":                  "application/json",
		"application/yaml":                  "application/yaml",
		protobufType:                        protobufType,
		cborType + "," + protobufType:       protobufType,
		"text/html;q=0.9, application/yaml": "application/yaml",
	} {
		got := get(t, path, "Accept", accept).want(t, http.StatusOK)
		if got.Header.Get("Content-Type") != want {
			t.Errorf("Accept %q: got %q, wanted %q", accept, got.Header.Get("Content-Type"), want)
		}
	}
	const known = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
	get(t, path, "Accept", cborType).want(t, http.StatusNotAcceptable, "Available representations: "+known)
	get(t, path, "Accept", "text/html").want(t, http.StatusNotAcceptable, "Available representations: "+known)
	ask(t, api.Config, http.MethodPost, "/api/v1/namespaces", "x", "Content-Type", cborType).want(t, http.StatusUnsupportedMediaType,
		"the body of the request was in an unknown format - accepted media types include: "+known)
	ask(t, api.Config, http.MethodPatch, path, "x", "Content-Type", "application/json").want(t, http.StatusUnsupportedMediaType)
	crd := "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	get(t, crd, "Accept", protobufType).want(t, http.StatusOK)
}

func TestTableAndPartialMetadata(t *testing.T) {
	const path = "/api/v1/namespaces/default"
	table := decode[metav1.Table](t, get(t, path, "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"))
	if table.Kind != "Table" || table.APIVersion != "meta.k8s.io/v1" || len(table.Rows) != 1 || len(table.ColumnDefinitions) < 3 {
		t.Errorf("got %+v", table)
	}
	partial := decode[metav1.PartialObjectMetadata](t, get(t, path, "Accept", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"))
	if partial.Kind != "PartialObjectMetadata" || partial.Name != "default" {
		t.Errorf("got %+v", partial)
	}
	list := decode[metav1.PartialObjectMetadataList](t, get(t, "/api/v1/namespaces", "Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"))
	if list.Kind != "PartialObjectMetadataList" || len(list.Items) < 4 {
		t.Errorf("got %+v", list)
	}
	rows := decode[metav1.Table](t, get(t, "/api/v1/namespaces?includeObject=None", "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"))
	if len(rows.Rows) < 4 || rows.Rows[0].Object.Object != nil || len(rows.Rows[0].Object.Raw) > len("null") {
		t.Errorf("includeObject=None: got %s", rows.Rows[0].Object.Raw)
	}
}

// A large answer is compressed for whom asks, a small one never.
func TestGzip(t *testing.T) {
	large := get(t, "/openapi/v2", "Accept-Encoding", "gzip")
	if large.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("got %q", large.Header.Get("Content-Encoding"))
	}
	if _, err := gzip.NewReader(strings.NewReader(large.body)); err != nil {
		t.Error(err)
	}
	path := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	post(t, path, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"large"},"data":{"k":"`+strings.Repeat("y", 200<<10)+`"}}`).want(t, http.StatusCreated)
	list := get(t, path, "Accept-Encoding", "gzip")
	if _, err := gzip.NewReader(strings.NewReader(list.body)); err != nil || list.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("got %q, %v", list.Header.Get("Content-Encoding"), err)
	}
	if small := get(t, "/api/v1/namespaces/default", "Accept-Encoding", "gzip"); small.Header.Get("Content-Encoding") != "" {
		t.Errorf("got %q", small.Header.Get("Content-Encoding"))
	}
}
