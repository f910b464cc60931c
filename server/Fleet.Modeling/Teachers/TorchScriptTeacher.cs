using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using static TorchSharp.torch;

namespace Fleet.Modeling.Teachers;

/// <summary>
/// A teacher as a TorchScript file: what <c>torch.jit.trace</c> or <c>torch.jit.script</c> made and <c>save</c> wrote. It answers
/// with a tensor, or with a tuple or list whose first member is the answer; the others are its features <c>output1</c>,
/// <c>output2</c>, ... It runs in the trainer's libtorch, so what else the file needs (such as torchvision's operators) is missing.
/// </summary>
internal sealed class TorchScriptTeacher : ITeacherModel
{
    private const string FeaturePrefix = "output";

    private readonly jit.ScriptModule _module;
    private readonly IReadOnlyList<int> _sampleShape;
    private readonly bool _tokens;
    private readonly List<Feature> _features;
    private int[] _shown = [];

    /// <param name="path">The file.</param>
    /// <param name="sampleShape">Shape of one sample it must take.</param>
    /// <param name="columns">Numbers it must answer a sample with; null: as many as it does.</param>
    /// <param name="tokens">Samples are numbers of tokens.</param>
    /// <exception cref="BuildException">It cannot be loaded or run, or answers in another shape.</exception>
    public TorchScriptTeacher(string path, IReadOnlyList<int> sampleShape, int? columns, bool tokens = false)
    {
        (Path, _sampleShape, _tokens) = (path, sampleShape, tokens);
        _module = Load(path);
        try
        {
            _module.eval();
            Parameters = _module.parameters().Where(parameter => parameter.is_floating_point()).Sum(parameter => parameter.numel());
            (Columns, _features) = Check(columns);
        }
        catch
        {
            _module.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public int Columns { get; }

    /// <inheritdoc/>
    public long Parameters { get; }

    /// <inheritdoc/>
    public IReadOnlyList<Feature> Show(IReadOnlyList<string> names)
    {
        int[] shown = [.. names.Select(name => _features.FindIndex(feature => feature.Name == name))];
        if (Array.IndexOf(shown, -1) is >= 0 and var unknown)
        {
            throw new BuildException($"Teacher {Path} has no feature '{names[unknown]}'; " + (_features.Count == 0
                ? "it answers with one tensor alone. Let its forward return a tuple (answer, feature, ...) and save it again."
                : $"it has {string.Join(", ", _features.Select(feature => feature.Name))}."));
        }
        _shown = shown;
        return [.. shown.Select(place => _features[place])];
    }

    /// <inheritdoc/>
    public void Answer(Memory<float> inputs, int count, Span<float> rows)
    {
        using var scope = NewDisposeScope();
        var answer = Run(inputs, count);
        var shown = cat([
            .. _shown.Select(place => answer[place + 1]).Prepend(answer[0])
                .Select(value => value.to_type(ScalarType.Float32).reshape(count, -1)),
        ], 1).contiguous();
        if (shown.numel() != rows.Length)
            throw new BuildException(
                $"Teacher {Path} answers {count} samples with {shown.numel()} values where {rows.Length} were expected; its answer must "
                    + "have a row for each sample.");
        shown.data<float>().ToArray().CopyTo(rows);
    }

    /// <inheritdoc/>
    public void Dispose() => _module.Dispose();

    private static jit.ScriptModule Load(string path)
    {
        if (!File.Exists(path)) throw new BuildException($"Teacher {path} cannot be read: there is no such file.");
        try
        {
            return jit.load(path);
        }
        catch (Exception e) when (e is ExternalException or InvalidOperationException or IOException)
        {
            throw new BuildException(
                $"Teacher {path} is not a TorchScript file that this libtorch can load; save one with torch.jit.save. {FirstLine(e)}", e);
        }
    }

    // Asked with two samples: what does not come once for each cannot be told from it with one.
    private (int Columns, List<Feature> Features) Check(int? columns)
    {
        using var scope = NewDisposeScope();
        var answer = Run(new float[2 * _sampleShape.Aggregate(1, (product, extent) => product * extent)], 2);
        if (answer[0].shape is not [2, ..] || answer[0].numel() != 2L * (columns ?? answer[0].numel() / 2))
            throw new BuildException(
                $"Teacher {Path} answers two samples with a first value of shape ({string.Join(", ", answer[0].shape)}); it must be (2, "
                    + $"{columns?.ToString(CultureInfo.InvariantCulture) ?? "any"}), a number for each class of the data or for each "
                    + "value to predict.");
        return ((int)(answer[0].numel() / 2), [.. answer.Skip(1).Select((value, place) => (value, place))
            .Where(output => output.value.shape is [2, _, ..])
            .Select(output => new Feature(
                $"{FeaturePrefix}{output.place + 1}", [.. output.value.shape.Skip(1).Select(extent => (int)extent)]))]);
    }

    private Tensor[] Run(Memory<float> inputs, int count)
    {
        using var noGradient = no_grad();
        var input = AlignedTensor.Of(inputs, [count, .. _sampleShape.Select(extent => (long)extent)], CPU);
        object answer;
        try
        {
            answer = _module.call(_tokens ? input.to_type(ScalarType.Int64) : input);
        }
        catch (ExternalException e)
        {
            throw new BuildException($"Teacher {Path} does not take samples of ({string.Join(", ", _sampleShape)}): {FirstLine(e)}", e);
        }
        catch (ArgumentOutOfRangeException e)
        {
            // What TorchSharp has no type for ends so; dictionaries are such.
            throw Unknown("a dictionary or another structure", e);
        }
        return answer switch
        {
            Tensor only => [only],
            Tensor[] { Length: > 0 } several => several,
            ITuple { Length: > 0 } tuple when Enumerable.Range(0, tuple.Length).All(place => tuple[place] is Tensor) =>
                [.. Enumerable.Range(0, tuple.Length).Select(place => (Tensor)tuple[place]!)],
            _ => throw Unknown(answer?.GetType().Name ?? "nothing", null),
        };
    }

    private BuildException Unknown(string what, Exception? inner)
        => new($"Teacher {Path} answers with {what}; let its forward return the answer, or a tuple (answer, feature, ...) of tensors, and "
            + "save it again.", inner);

    private static string FirstLine(Exception e) => e.Message.Split('\n', 2)[0].Trim();
}
