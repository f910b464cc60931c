using Fleet.Contracts.Builds;
using Fleet.Platform;
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

    /// <summary>Refuses a recipe that was written for another model or that asks for what no recipe may.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="modelPath">The model that is given.</param>
    /// <exception cref="InvalidDataException">It cannot be followed; the message says why and names what differs.</exception>
    public static void Check(QuantizationRecipe recipe, string modelPath)
    {
        if (!File.Exists(modelPath)) throw new InvalidDataException($"{modelPath} does not exist.");
        if (!RegularFile.Is(modelPath)) throw new InvalidDataException($"{modelPath} {RegularFile.Refusal}");
        // Names of profiles become names of files.
        if (BuildSpecRules.ProblemsOf(recipe.Spec) is { Count: > 0 } problems)
            throw new InvalidDataException($"The recipe is not one that quantizing writes: {string.Join(" ", problems)}");
        var model = Artifacts.Reference(modelPath);
        if (model.Sha256 != recipe.Sha256)
            throw new InvalidDataException($"The recipe was written for another model ({recipe.Model}, SHA-256 {recipe.Sha256}) than "
                + $"{model.Name} (SHA-256 {model.Sha256}); give that one, or quantize this one without the recipe.");
        // The model names these files: as it is the same, so are their names.
        foreach (var file in Artifacts.WeightsOf(modelPath))
        {
            if (recipe.Data.FirstOrDefault(one => one.Name == file.Name)?.Sha256 is var expected && expected != file.Sha256)
                throw new InvalidDataException($"The recipe was written for other weights of {model.Name}: {file.Name} has SHA-256 "
                    + $"{file.Sha256}, the recipe's has {expected ?? "none"}; give that file, or quantize this model without the recipe.");
        }
    }

    /// <summary>True where the recipe made the variant.</summary>
    public bool Holds(string id) => _variants.ContainsKey(id);

    /// <summary>Refuses a recipe that names variants which its spec does not make.</summary>
    /// <param name="makeable">Those that it makes.</param>
    /// <exception cref="InvalidDataException">It names others; the message lists them.</exception>
    public void RefuseOthersThan(IReadOnlyCollection<string> makeable)
    {
        string[] unknown = [.. _variants.Keys.Except(makeable)];
        if (unknown.Length > 0)
            throw new InvalidDataException($"The recipe names variants that its spec does not make of this model: "
                + $"{string.Join(", ", unknown)}; it makes {string.Join(", ", makeable)}.");
    }

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

    /// <summary>True where <paramref name="file"/>, and that of its weights, are those of the recipe for a variant.</summary>
    public bool IsMade(string id, string file) => _variants.TryGetValue(id, out var one)
        && Artifacts.Reference(file).Sha256 == one.Sha256 && Artifacts.DataOf(file)?.Sha256 == one.DataSha256;

    /// <summary>Whether the files are those of the recipe, and what to look at where they are not.</summary>
    public string Compared(VariantReport made) => Differs(made) is { } difference
        ? $"Made again by its recipe, and {difference}"
        : "Made again by its recipe, byte by byte.";

    /// <summary>What did not come out as the recipe says, a sentence for each variant.</summary>
    public IReadOnlyList<string> NotMadeAgain(IReadOnlyList<VariantReport> made)
        => [
            .. _recipe.Variants.Select(one => made.FirstOrDefault(variant => variant.Id == one.Id) switch
            {
                null => $"{one.Id} was not made.",
                { Artifact: null } variant => $"{one.Id} was not made: {variant.Reasons[0]}",
                var variant => Differs(variant) is { } difference ? $"{one.Id}: {difference}" : null,
            }).OfType<string>(),
        ];

    private string? Differs(VariantReport made)
        => _variants[made.Id] is var one && made.Artifact?.Sha256 == one.Sha256 && made.Data?.Sha256 == one.DataSha256
            ? null
            : $"its bytes differ: {string.Join(" or ", Causes())}.";

    /// <summary>What may make them differ; what is the same here is none.</summary>
    private IEnumerable<string> Causes()
    {
        yield return "other calibration samples than the recipe was made with";
        if (_recipe.OnnxRuntime != ThisMachine.OnnxRuntime)
            yield return $"another ONNX Runtime ({ThisMachine.OnnxRuntime} where the recipe was made by {_recipe.OnnxRuntime})";
        yield return _recipe.MadeOn == ThisMachine.Description
            ? "a processor that computes floats otherwise, though it has the same name"
            : $"a processor that computes floats otherwise (the recipe was made on {_recipe.MadeOn})";
    }
}
