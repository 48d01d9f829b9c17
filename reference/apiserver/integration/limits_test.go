package integration_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

func configMap(name, extra string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":%q%s}}`, name, extra)
}

// What is too large is refused in kube-apiserver's words.
func TestRequestLimits(t *testing.T) {
	path := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	post(t, path, configMap("a", `,"annotations":{"x":"`+strings.Repeat("y", 3<<20)+`"}`)).want(t, http.StatusRequestEntityTooLarge, "limit is 3145728")
	post(t, path, configMap("a", `,"annotations":{"x":"`+strings.Repeat("y", 256<<10)+`"}`)).want(t, http.StatusUnprocessableEntity,
		"metadata.annotations: Too long: may not be more than 262144 bytes")
	post(t, path, configMap("a", `,"labels":{"x":"`+strings.Repeat("y", 64)+`"}`)).want(t, http.StatusUnprocessableEntity, "must be no more than 63 bytes")
	post(t, path, configMap("a", `,"labels":{"`+strings.Repeat("y", 64)+`":""}`)).want(t, http.StatusUnprocessableEntity, "name part must be no more than 63 bytes")
	post(t, path, configMap(strings.Repeat("a", 254), "")).want(t, http.StatusUnprocessableEntity, "must be no more than 253 ")
	post(t, path, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"`+strings.Repeat("y", 1<<20+1)+`"}}`).
		want(t, http.StatusUnprocessableEntity, "Too long: may not be more than 1048576 bytes")

	post(t, path, configMap("p", "")).want(t, http.StatusCreated)
	one := `{"op":"test","path":"/kind","value":"ConfigMap"}`
	patch(t, jsonPatch, path+"/p", "["+strings.Repeat(one+",", 10000)+one+"]").want(t, http.StatusRequestEntityTooLarge,
		"The allowed maximum operations in a JSON patch is 10000, got 10001")
	patch(t, jsonPatch, path+"/p", `[{"op":"test","path":"/kind","value":"Secret"}]`).want(t, http.StatusUnprocessableEntity)
	patch(t, jsonPatch, path+"/p", `[{"op":"remove","path":"/data/absent"}]`).want(t, http.StatusUnprocessableEntity,
		"the server rejected our request due to an error in our request")
	patch(t, jsonPatch, path+"/p", `{"op":"remove"`).want(t, http.StatusBadRequest)
}

// Deep nesting and bombs of aliases are refused, and the server lives on.
func TestNesting(t *testing.T) {
	path := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	deep := strings.Repeat(`{"a":`, 200_000) + "1" + strings.Repeat("}", 200_000)
	arrays := strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000)
	for _, bomb := range []string{deep, arrays, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":` + deep + `}`} {
		post(t, path, bomb).want(t, http.StatusBadRequest)
		ask(t, api.Config, http.MethodPost, path, bomb, "Content-Type", "application/yaml").want(t, http.StatusBadRequest)
	}
	laughs := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'j'; c++ {
		laughs += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 9), ","))
	}
	ask(t, api.Config, http.MethodPost, path, "apiVersion: v1\nkind: ConfigMap\n"+laughs, "Content-Type", "application/yaml").want(t, http.StatusBadRequest)
	// A message nested in itself, 100,000 deep, inside of the envelope.
	proto := "k8s\x00" + strings.Repeat("\x12\xff\xff\x03", 100_000)
	ask(t, api.Config, http.MethodPost, path, proto, "Content-Type", protobufType).want(t, http.StatusBadRequest)
	post(t, path, configMap("m", "")).want(t, http.StatusCreated)
	for _, kind := range []string{mergePatch, strategicPatch, applyPatch, jsonPatch} {
		if a := patch(t, kind, path+"/m?fieldManager=x", deep); a.StatusCode < 400 || a.StatusCode >= 500 {
			t.Errorf("%s: got %d: %s", kind, a.StatusCode, clip(a.body))
		}
	}
	get(t, "/readyz").want(t, http.StatusOK, "ok")
}

// A client that never ends its headers holds a connection, which ends by itself, and nothing more:
// the server answers others meanwhile.
func TestSlowClients(t *testing.T) {
	config, err := rest.TLSConfigFor(api.Config)
	if err != nil {
		t.Fatal(err)
	}
	config.NextProtos = []string{"http/1.1"}
	for range 50 {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(api.Config.Host, "https://"), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := conn.Write([]byte("GET /api HTTP/1.1\r\nHost: a\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	get(t, "/readyz").want(t, http.StatusOK)
}
