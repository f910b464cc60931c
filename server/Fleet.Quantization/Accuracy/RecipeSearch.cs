using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;

namespace Fleet.Quantization.Accuracy;

/// <summary>The best recipe so far, and the model it makes.</summary>
internal sealed class RecipeSearch
{
    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    private readonly IQuantizationScheme _scheme;
    private readonly Func<ModelProto, Judged> _judge;
    private readonly CancellationToken _cancellationToken;

    /// <summary>Begins with a recipe whose model is made already.</summary>
    /// <param name="scheme">Makes the models.</param>
    /// <param name="first">The first recipe.</param>
    /// <param name="made">Its model.</param>
    /// <param name="judge">Compares a model with the float model.</param>
    /// <param name="cancellationToken">Stops between models.</param>
    public RecipeSearch(IQuantizationScheme scheme, Recipe first, ModelProto made, Func<ModelProto, Judged> judge,
        CancellationToken cancellationToken)
    {
        (_scheme, _judge, _cancellationToken) = (scheme, judge, cancellationToken);
        Recipe = first;
        Best = Judged(first, made) with { IsRough = first.Techniques.Count > 0 };
    }

    /// <summary>The best recipe.</summary>
    public Recipe Recipe { get; private set; }

    /// <summary>About what it makes with no operator in float.</summary>
    public ControlledModel Best { get; private set; }

    /// <summary>Takes another recipe where it loses less.</summary>
    /// <returns>The best by then.</returns>
    public ControlledModel Try(Recipe other)
    {
        var attempt = Made(other, None, roughly: other.Techniques.Count > 0);
        if (attempt.Judged.Loss < Best.Judged.Loss) (Best, Recipe) = (attempt, other);
        return Best;
    }

    /// <summary>Takes the best of another search where it loses less.</summary>
    public void Take(RecipeSearch other)
    {
        if (other.Best.Judged.Loss < Best.Judged.Loss) (Best, Recipe) = (other.Best, other.Recipe);
    }

    /// <summary>What a recipe makes with these operators in float.</summary>
    public ControlledModel Exactly(Recipe recipe, IReadOnlySet<string> keptFloat) => Made(recipe, keptFloat);

    /// <summary>About what the best recipe makes with these operators in float; it costs a fraction.</summary>
    public ControlledModel Roughly(IReadOnlySet<string> keptFloat) => Made(Recipe, keptFloat, roughly: true);

    private ControlledModel Made(Recipe recipe, IReadOnlySet<string> keptFloat, bool roughly = false)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        return Judged(recipe, recipe.Make(_scheme, keptFloat, recipe.From.Cancellation, roughly)) with { IsRough = roughly };
    }

    private ControlledModel Judged(Recipe recipe, ModelProto model)
        => new(model, _judge(model), recipe.From.Calibrator, kept => recipe.Make(_scheme, kept, _cancellationToken))
        {
            Techniques = recipe.Techniques,
            SignalToNoise = recipe.SignalToNoise,
        };
}
