package reviews

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// tokenReviews tells whom a bearer token stands for, by sending it through the chain that
// requests go through, as a request that carries nothing else.
func tokenReviews(a authenticator.Request, own authenticator.Audiences) *REST {
	empty := func() *authenticationv1.TokenReview { return &authenticationv1.TokenReview{} }
	return question("tokenreview", false, empty, checkToken, func(ctx context.Context, r *authenticationv1.TokenReview) error {
		wanted := authenticator.Audiences(r.Spec.Audiences)
		if len(wanted) == 0 {
			wanted = own
		}
		req := &http.Request{URL: &url.URL{}, Header: http.Header{"Authorization": {"Bearer " + r.Spec.Token}}}
		if len(wanted) > 0 {
			ctx = authenticator.WithAudiences(ctx, wanted)
		}
		resp, ok, err := a.AuthenticateRequest(req.WithContext(ctx))
		r.Status = authenticationv1.TokenReviewStatus{Authenticated: ok}
		if err != nil {
			r.Status.Error = err.Error()
		}
		if !ok || resp == nil || resp.User == nil {
			return nil
		}
		if len(wanted) > 0 && len(wanted.Intersect(resp.Audiences)) == 0 {
			return errors.NewInternalError(fmt.Errorf("the token of user %q is not for any of the audiences %q, only for %q", resp.User.GetName(), wanted, resp.Audiences))
		}
		r.Status.User, r.Status.Audiences = userInfo(resp.User), resp.Audiences
		return nil
	})
}

func checkToken(ctx context.Context, r *authenticationv1.TokenReview) error {
	if ns := request.NamespaceValue(ctx); ns != "" {
		return errors.NewBadRequest(fmt.Sprintf("namespace is not allowed on this type: %v", ns))
	}
	if r.Spec.Token == "" {
		return errors.NewBadRequest("token is required for TokenReview in authentication")
	}
	return nil
}

func needUser(ctx context.Context, _ *authenticationv1.SelfSubjectReview) error {
	_, err := requester(ctx)
	return err
}

// whoAmI tells requesters how the API server sees them (`kubectl auth whoami`).
func whoAmI(ctx context.Context, r *authenticationv1.SelfSubjectReview) error {
	u, err := requester(ctx)
	if err != nil {
		return err
	}
	r.CreationTimestamp = metav1.NewTime(time.Now())
	r.Status.UserInfo = userInfo(u)
	return nil
}

func userInfo(u user.Info) authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: u.GetName(), UID: u.GetUID(), Groups: u.GetGroups()}
	if len(u.GetExtra()) > 0 {
		info.Extra = map[string]authenticationv1.ExtraValue{}
		for k, v := range u.GetExtra() {
			info.Extra[k] = v
		}
	}
	return info
}
