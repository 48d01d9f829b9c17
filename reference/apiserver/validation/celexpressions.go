package validation

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// expressions compiles the CEL expressions of an object. What its former version had is compiled as it
// was when it was stored: a new server may know fewer functions than a newer one that wrote it.
type expressions struct {
	compiler  plugincel.Compiler
	hasParams bool
	stored    sets.Set[string]
}

// plainCompiler knows no variables but those of the request; building it takes milliseconds, so that it
// is built when the first expression is judged.
var plainCompiler = sync.OnceValue(func() plugincel.Compiler {
	return plugincel.NewCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
})

// hookExpressions are those of webhooks, which have neither parameters nor variables.
func hookExpressions(stored ...string) *expressions {
	return &expressions{compiler: plainCompiler(), stored: sets.New(stored...)}
}

// policyExpressions are those of an admission policy: each can use the variables before it.
func policyExpressions(hasParams bool, stored ...string) (*expressions, error) {
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return nil, fmt.Errorf("CEL environment: %w", err)
	}
	return &expressions{compiler: compiler, hasParams: hasParams, stored: sets.New(stored...)}, nil
}

// declarations of what an expression may use beside the request.
type declarations struct{ authorizer, patchTypes bool }

func (e *expressions) check(p *field.Path, x plugincel.ExpressionAccessor, d declarations) field.ErrorList {
	return compileError(p, x, e.compiler.CompileCELExpression(x, e.options(d), e.environment(x)))
}

// define compiles a variable, and makes it known to the expressions after it.
func (e *expressions) define(p *field.Path, v plugincel.NamedExpressionAccessor) field.ErrorList {
	compiler, ok := e.compiler.(*plugincel.CompositedCompiler)
	if !ok {
		return field.ErrorList{field.InternalError(p, errors.New("variables cannot be used here"))}
	}
	return compileError(p, v, compiler.CompileAndStoreVariable(v, e.options(declarations{authorizer: true}), e.environment(v)))
}

func (e *expressions) options(d declarations) plugincel.OptionalVariableDeclarations {
	return plugincel.OptionalVariableDeclarations{HasParams: e.hasParams, HasAuthorizer: d.authorizer, HasPatchTypes: d.patchTypes}
}

func (e *expressions) environment(x plugincel.ExpressionAccessor) environment.Type {
	if e.stored.Has(x.GetExpression()) {
		return environment.StoredExpressions
	}
	return environment.NewExpressions
}

func compileError(p *field.Path, x plugincel.ExpressionAccessor, r plugincel.CompilationResult) field.ErrorList {
	switch {
	case r.Error == nil:
		return nil
	case r.Error.Type == apiservercel.ErrorTypeRequired:
		return field.ErrorList{field.Required(p, r.Error.Detail)}
	case r.Error.Type == apiservercel.ErrorTypeInvalid:
		return field.ErrorList{field.Invalid(p, x.GetExpression(), r.Error.Detail)}
	default:
		return field.ErrorList{field.InternalError(p, r.Error)}
	}
}

var (
	celName     = regexp.MustCompile(`^[_a-zA-Z][_a-zA-Z0-9]*$`)
	celReserved = sets.New("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
		"let", "loop", "package", "namespace", "return", "var", "void", "while")
)

func isCELName(s string) bool { return celName.MatchString(s) && !celReserved.Has(s) }

func blank(s string) bool { return strings.TrimSpace(s) == "" }
