package server

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/klog/v2"
)

// How long answers of the API server are believed, and how often it is asked again.
const (
	allowTTL = 5 * time.Minute
	denyTTL  = 30 * time.Second
	tokenTTL = 2 * time.Minute
)

func retries() *wait.Backoff {
	return &wait.Backoff{Duration: 100 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 5}
}

// authentication knows clients by certificates of the CA, and by tokens that the API server
// reviews. Nobody is anonymous.
func authentication(c Config) (authenticator.Request, error) {
	ca, err := dynamiccertificates.NewDynamicCAContentFromFile("kubelet-client-ca", c.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("the CA of the kubelet's clients: %w", err)
	}
	who, _, err := authenticatorfactory.DelegatingAuthenticatorConfig{
		ClientCertificateCAContentProvider: ca,
		TokenAccessReviewClient:            c.Client.AuthenticationV1(),
		TokenAccessReviewTimeout:           10 * time.Second,
		WebhookRetryBackoff:                retries(),
		CacheTTL:                           tokenTTL,
	}.New()
	return who, err
}

// authorization asks the API server (SubjectAccessReview).
func authorization(c Config) (authorizer.Authorizer, error) {
	return authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: c.Client.AuthorizationV1(),
		AllowCacheTTL:             allowTTL,
		DenyCacheTTL:              denyTTL,
		WebhookRetryBackoff:       retries(),
	}.New()
}

// guarded lets only those in who may.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, ok, err := s.who.AuthenticateRequest(r)
		if err != nil || !ok {
			klog.FromContext(r.Context()).V(2).Info("Refused an unknown client", "from", r.RemoteAddr, "err", err)
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		node := s.NodeName
		for _, a := range attributes(found.User, r.Method, r.URL.Path, node) {
			decision, _, err := s.allowed.Authorize(r.Context(), a)
			if err != nil {
				http.Error(w, fmt.Sprintf("Authorization error (user=%s, verb=%s, resource=nodes, subresource=%s)",
					found.User.GetName(), a.GetVerb(), a.GetSubresource()), http.StatusInternalServerError)
				return
			}
			if decision == authorizer.DecisionAllow {
				next.ServeHTTP(w, r)
				return
			}
		}
		verb := verbOf(r.Method)
		http.Error(w, fmt.Sprintf("Forbidden (user=%s, verb=%s, resource=nodes, subresource(s)=%v)",
			found.User.GetName(), verb, subresources(r.URL.Path)), http.StatusForbidden)
	})
}

// attributes are the permissions of which any one suffices for the request
// (docs: access-authn-authz/kubelet-authn-authz, KEP-2862).
func attributes(u user.Info, method, path, node string) []authorizer.Attributes {
	var out []authorizer.Attributes
	for _, sub := range subresources(path) {
		out = append(out, authorizer.AttributesRecord{
			User: u, Verb: verbOf(method), APIVersion: "v1", Resource: "nodes", Name: node, Subresource: sub,
			ResourceRequest: true, Path: path,
		})
	}
	return out
}

func subresources(path string) []string {
	switch {
	case under(path, "/stats"):
		return []string{"stats"}
	case under(path, "/metrics"):
		return []string{"metrics"}
	case under(path, "/logs"):
		return []string{"log"}
	case under(path, "/pods"), under(path, "/runningpods"):
		return []string{"pods", "proxy"}
	case under(path, "/healthz"):
		return []string{"healthz", "proxy"}
	case under(path, "/checkpoint"):
		return []string{"checkpoint"}
	case path == "/statusz", path == "/flagz":
		return []string{path[1:], "proxy"}
	case path == "/configz":
		return []string{"configz", "proxy"}
	default:
		return []string{"proxy"}
	}
}

func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func verbOf(method string) string {
	switch method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	default:
		return "get"
	}
}
