using Fleet.Contracts.Builds;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Samples;

/// <summary>
/// Shapes of made-up samples. A person may give them; else a free axis gets the smallest of some usual extents that the model
/// runs with, since a window of sound or a picture that is shrunk many times takes no small ones.
/// </summary>
internal sealed class SyntheticShapes
{
    /// <summary>Extents of the sides of a picture, and of other free axes, in the order in which they are tried.</summary>
    private static readonly int[] Sides = [224, 256, 320, 384, 512, 640], Lengths = [32, 64, 128, 256, 512, 1024, 4096, 16_000];

    /// <summary>Most numbers a made-up tensor may have: 64 million, 256 MB of floats.</summary>
    private const long MaximumElements = 64L << 20;

    private readonly IReadOnlyDictionary<string, int[]> _shapes;

    private SyntheticShapes(IReadOnlyDictionary<string, int[]> shapes) => _shapes = shapes;

    /// <summary>Finds the shapes for a source with made-up samples; null for one without.</summary>
    /// <inheritdoc cref="Of"/>
    public static SyntheticShapes? For(SourceSpec source, InferenceSession session, IReadOnlyList<ModelInput> inputs, ModelState state)
        => source.HasMadeUpSamples ? Of(session, inputs, state, source.Shapes ?? [])
            : source.Shapes is null
                ? null
                : throw new InvalidDataException("A shape has no meaning without made-up samples: samples have their own.");

    /// <summary>Finds the shapes for a model.</summary>
    /// <param name="session">The model.</param>
    /// <param name="inputs">Its inputs.</param>
    /// <param name="state">What of it carries from sample to sample; that has no made-up values.</param>
    /// <param name="given">Shapes that a person gave.</param>
    /// <exception cref="InvalidDataException">A given shape is not of this model; the message says why.</exception>
    public static SyntheticShapes Of(
        InferenceSession session, IReadOnlyList<ModelInput> inputs, ModelState state, IReadOnlyCollection<InputShape> given)
    {
        var known = new Dictionary<string, int[]>();
        foreach (var (input, extents) in given.Select(shape => Fitting(shape, inputs)))
        {
            if (!known.TryAdd(input.Name, extents)) throw new InvalidDataException($"The shape of input '{input.Name}' is given twice.");
        }
        if (state.Links.FirstOrDefault(link => known.ContainsKey(link.Input.Name)) is { Input.Name: var carried })
            throw new InvalidDataException($"Input '{carried}' is state that the model carries; it takes no made-up samples, so no shape.");
        SyntheticShapes[] tries = [
            .. Enumerable.Range(0, Math.Max(Sides.Length, Lengths.Length)).Select(number => Tried(number, inputs, known)),
        ];
        // Where none does, the first speaks in the message of what the model refuses.
        return tries.Skip(1).All(other => tries[0].Equal(other))
            ? tries[0]
            : tries.FirstOrDefault(shapes => shapes.Run(session, inputs, state)) ?? tries[0];
    }

    /// <summary>What is tried first.</summary>
    public static SyntheticShapes Usual(IReadOnlyList<ModelInput> inputs) => Tried(0, inputs, new Dictionary<string, int[]>());

    /// <summary>Extents of a made-up value for an input.</summary>
    public int[] this[ModelInput input] => _shapes[input.Name];

    /// <summary>The shapes as a person would give them; a scalar has none.</summary>
    public IReadOnlyList<InputShape> Given(ModelState state)
        => [
            .. _shapes.Where(shape => shape.Value.Length > 0 && state.Links.All(link => link.Input.Name != shape.Key))
                .Select(shape => new InputShape(shape.Key, shape.Value)),
        ];

    private bool Run(InferenceSession session, IReadOnlyList<ModelInput> inputs, ModelState state)
    {
        if (_shapes.Values.Any(IsTooLarge)) return false;
        using var options = new RunOptions();
        try
        {
            // State that comes back lives as long as the pass: until the loop ends.
            foreach (var feed in new SyntheticFeeds(inputs, 1, seed: 1, state, this).Batches(1))
            {
                using (feed) feed.Run(session, options, session.OutputNames).Dispose();
            }
            return true;
        }
        catch (OnnxRuntimeException)
        {
            return false;
        }
    }

    private bool Equal(SyntheticShapes other) => _shapes.All(shape => shape.Value.SequenceEqual(other._shapes[shape.Key]));

    private static bool IsTooLarge(int[] extents)
        => extents.Aggregate(1L, (product, extent) => Math.Min(MaximumElements + 1, product * extent)) > MaximumElements;

    /// <summary>
    /// Shapes in which free axes of one name have one extent: as given, or what suits the first input that has it, pictures before others.
    /// </summary>
    private static SyntheticShapes Tried(int number, IReadOnlyList<ModelInput> inputs, Dictionary<string, int[]> known)
    {
        var named = new Dictionary<string, int>(ModelInput.FreeExtents(
            inputs.Where(input => known.ContainsKey(input.Name)).Select(input => (input, (IReadOnlyList<int>)known[input.Name]))));
        var shapes = new Dictionary<string, int[]>(known);
        foreach (var input in inputs.Where(input => !known.ContainsKey(input.Name))
            .OrderBy(input => IsPicture(input) ? 0 : input.Extents.Count > 1 ? 1 : 2))
        {
            shapes[input.Name] = [
                .. input.Extents.Select((extent, axis) => extent >= 0 ? extent : Named(input.Symbols[axis], Tried(number, input, axis))),
            ];
        }
        return new SyntheticShapes(inputs.ToDictionary(input => input.Name, input => shapes[input.Name]));

        int Named(string symbol, int usual)
        {
            if (symbol.Length == 0) return usual;
            named.TryAdd(symbol, usual);
            return named[symbol];
        }
    }

    /// <summary>
    /// A free axis in front counts samples; of an input with that axis alone it may as well be its length, which is tried after 1.
    /// </summary>
    private static int Tried(int number, ModelInput input, int axis)
    {
        if (axis == 0 && (input.Extents.Count > 1 || number == 0)) return 1;
        var usual = IsPicture(input) ? Sides : Lengths;
        return usual[Math.Min(axis == 0 ? number - 1 : number, usual.Length - 1)];
    }

    /// <summary>Grey or coloured pictures, their channels in front or behind.</summary>
    private static bool IsPicture(ModelInput input) => input.Extents is [_, 1 or 3, _, _] or [_, _, _, 1 or 3];

    private static (ModelInput Input, int[] Extents) Fitting(InputShape shape, IReadOnlyList<ModelInput> inputs)
    {
        int[] extents = [.. shape.Extents];
        if (IsTooLarge(extents)) throw new InvalidDataException($"Shape '{shape}' has more than {MaximumElements} numbers.");
        var input = inputs.FirstOrDefault(input => input.Name == shape.Input)
            ?? throw new InvalidDataException(
                $"Shape '{shape}' names input '{shape.Input}'; the model's inputs are "
                    + $"{string.Join(", ", inputs.Select(input => input.Name))}.");
        return input.Takes(extents) ? (input, extents) : throw new InvalidDataException($"Shape '{shape}' does not fit input {input}.");
    }
}
