using Fleet.Contracts.Builds;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Variants;

/// <summary>The decisions of a recipe, by variant: nothing is tried, and no time decides.</summary>
internal sealed class FixedChoices
{
    private readonly QuantizationRecipe _recipe;
    private readonly Dictionary<string, VariantRecipe> _variants;

    /// <summary>Takes a recipe.</summary>
    /// <exception cref="InvalidDataException">It is of a form that is not known, or names a variant twice.</exception>
    public FixedChoices(QuantizationRecipe recipe)
    {
        if (recipe.Version != QuantizationRecipe.CurrentVersion)
            throw new InvalidDataException($"The recipe is of version {recipe.Version}, and this program reads version "
                + $"{QuantizationRecipe.CurrentVersion}; use the program that wrote it.");
        if (recipe.Variants.Count == 0) throw new InvalidDataException("The recipe holds no variants; quantize the model without it.");
        if (recipe.Variants.GroupBy(variant => variant.Id).FirstOrDefault(alike => alike.Count() > 1)?.Key is { } twice)
            throw new InvalidDataException($"The recipe names the variant '{twice}' twice.");
        (_recipe, _variants) = (recipe, recipe.Variants.ToDictionary(variant => variant.Id));
    }

    /// <summary>True where the recipe made the variant.</summary>
    public bool Holds(string id) => _variants.ContainsKey(id);

    /// <summary>Of some variants the one that the recipe takes; null where it takes none of them.</summary>
    public string? ChosenOf(IEnumerable<string> ids) => ids.FirstOrDefault(id => _variants.TryGetValue(id, out var one) && one.Chosen);

    /// <summary>Makes a variant again.</summary>
    /// <param name="wanted">The variant.</param>
    /// <param name="source">The float model, its histograms and samples.</param>
    /// <param name="judge">Compares a model with the float model.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    /// <exception cref="InvalidDataException">The recipe names a technique, calibrator or operator that there is not.</exception>
    public ControlledModel Make(
        Wanted wanted, QuantizationSource source, Func<ModelProto, Judged> judge, CancellationToken cancellationToken)
    {
        var fixedOne = _variants[wanted.Id];
        var operators = wanted.Scheme.OperatorsOf(source.Model.Graph).ToHashSet();
        if (fixedOne.KeptFloat.FirstOrDefault(output => !operators.Contains(output)) is { } unknown)
            throw new InvalidDataException($"The recipe keeps '{unknown}' float in {wanted.Id}, which {wanted.Scheme.Name} does not "
                + "quantize in this model; take the recipe that was written for it.");
        var recipe = new Recipe(
            source with { Calibrator = Calibrators.Named(fixedOne.Calibrator) },
            [.. fixedOne.Techniques.Select(KnownTechniques.Named)], null);
        var model = recipe.Make(wanted.Scheme, fixedOne.KeptFloat.ToHashSet(), cancellationToken, fixedOne.Roughly);
        if (fixedOne.InBytes is { } names) model = KeptWeights.Stored(model, names.ToHashSet());
        return new ControlledModel(model, judge(model), recipe.From.Calibrator, kept => recipe.Make(wanted.Scheme, kept, cancellationToken))
        {
            Techniques = recipe.Techniques,
            InBytes = fixedOne.InBytes?.ToHashSet(),
            IsRough = fixedOne.Roughly,
            Returned = [.. fixedOne.KeptFloat.Select(output => new ReturnedOperator(output, double.NaN, double.NaN))],
        };
    }

    /// <summary>Whether the file is that of the recipe, and what to look at where it is not.</summary>
    public string Compared(string id, string sha256) => sha256 == _variants[id].Sha256
        ? "Made again by its recipe, byte by byte."
        : $"Made again by its recipe, and its bytes differ: other calibration samples, another ONNX Runtime (the recipe's is "
            + $"{_recipe.OnnxRuntime}, this is {ThisMachine.OnnxRuntime}), or a processor that computes floats otherwise (the recipe's is "
            + $"{_recipe.MadeOn}).";
}
