package authentication

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
	apiservervalidation "k8s.io/apiserver/pkg/apis/apiserver/validation"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	tokenunion "k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/util/filesystem"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
	"k8s.io/klog/v2"
)

const (
	// configPoll is how often the file is looked at where the system cannot tell that it changed.
	configPoll = time.Minute
	// replacementHealthy bounds the wait for the issuers of a changed file, after which the former
	// ones stay.
	replacementHealthy = time.Minute
	// retiredGrace lets requests end that the replaced authenticators still work on.
	retiredGrace = time.Minute
)

// loadConfiguration reads an AuthenticationConfiguration, strictly.
func loadConfiguration(data []byte) (*apiserver.AuthenticationConfiguration, error) {
	if len(data) == 0 {
		return nil, errors.New("authentication configuration is empty")
	}
	scheme := runtime.NewScheme()
	install.Install(scheme)
	decoded, err := runtime.Decode(serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDecoder(), data)
	if err != nil {
		return nil, err
	}
	config, ok := decoded.(*apiserver.AuthenticationConfiguration)
	if !ok {
		return nil, fmt.Errorf("expected AuthenticationConfiguration, got %T", decoded)
	}
	return config, nil
}

// jwtTokens accepts the tokens of OpenID Connect issuers. Its configuration can be replaced while it
// works.
type jwtTokens struct {
	compiler   authenticationcel.Compiler
	disallowed []string // the issuers of ServiceAccount tokens, which others must not claim to be
	algorithms []string
	current    atomic.Pointer[jwtSet]
}

// jwtSet are the authenticators of one configuration.
type jwtSet struct {
	authenticator.Token
	healthy func() error
	stop    context.CancelFunc
}

// AuthenticateToken implements authenticator.Token.
func (j *jwtTokens) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	return j.current.Load().AuthenticateToken(ctx, token)
}

// build makes the authenticators of a configuration. They find out about their issuers in the
// background, until ctx ends.
func (j *jwtTokens) build(ctx context.Context, config *apiserver.AuthenticationConfiguration) (*jwtSet, error) {
	if err := apiservervalidation.ValidateAuthenticationConfiguration(j.compiler, config, j.disallowed).ToAggregate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var tokens []authenticator.Token
	var checks []func() error
	for _, jwt := range config.JWT {
		o := oidc.Options{JWTAuthenticator: jwt, SupportedSigningAlgs: j.algorithms, Compiler: j.compiler, DisallowedIssuers: j.disallowed}
		if jwt.Issuer.CertificateAuthority != "" {
			ca, err := dynamiccertificates.NewStaticCAContent("oidc-authenticator", []byte(jwt.Issuer.CertificateAuthority))
			if err != nil {
				cancel()
				return nil, err
			}
			o.CAContentProvider = ca
		}
		one, err := oidc.New(ctx, o)
		if err != nil {
			cancel()
			return nil, err
		}
		tokens, checks = append(tokens, one), append(checks, one.HealthCheck)
	}
	return &jwtSet{Token: tokenunion.New(tokens...), stop: cancel, healthy: func() error {
		var errs []error
		for _, check := range checks {
			errs = append(errs, check())
		}
		return errors.Join(errs...)
	}}, nil
}

// follow replaces the authenticators whenever the file changes to something valid, until ctx ends.
// What is wrong is logged, and the last good configuration stays. The anonymous part is not followed.
func (j *jwtTokens) follow(ctx context.Context, file string, last []byte) {
	logger := klog.FromContext(ctx)
	filesystem.WatchUntil(ctx, configPoll, file, func() {
		data, err := os.ReadFile(file)
		if err != nil {
			logger.Error(err, "Cannot read the authentication configuration", "file", file)
			return
		}
		if string(data) == string(last) {
			return
		}
		if err := j.replace(ctx, data); err != nil {
			logger.Error(err, "The changed authentication configuration is not used", "file", file)
			return
		}
		last = data
		logger.Info("Using the changed authentication configuration", "file", file)
	}, func(err error) { logger.Error(err, "Watching the authentication configuration", "file", file) })
}

// replace puts another configuration in place once all of its issuers answer.
func (j *jwtTokens) replace(ctx context.Context, data []byte) error {
	config, err := loadConfiguration(data)
	if err != nil {
		return err
	}
	next, err := j.build(ctx, config)
	if err != nil {
		return err
	}
	err = wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, replacementHealthy, true, func(context.Context) (bool, error) {
		return next.healthy() == nil, nil
	})
	if err != nil {
		next.stop()
		return errors.Join(err, next.healthy())
	}
	former := j.current.Swap(next)
	time.AfterFunc(retiredGrace, former.stop)
	return nil
}
