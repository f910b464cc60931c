using Fleet.Contracts.Builds;
using Fleet.Contracts.Media;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Media;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Samples;

/// <summary>
/// Pictures and sound as samples of a model. Each file is decoded once where the disk for temporary files has room: samples are read as
/// often as variants are judged.
/// </summary>
/// <param name="inputs">What the model takes.</param>
/// <param name="state">What of it carries from sample to sample.</param>
/// <param name="asked">How files become inputs; null for what follows from the input.</param>
internal sealed class MediaReader(IReadOnlyList<ModelInput> inputs, ModelState state, Preprocessing? asked)
{
    private static readonly HashSet<string> RateNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "sr", "rate", "sample_rate", "sampling_rate", "samplerate",
    };

    private readonly Preprocessing _asked = asked ?? new Preprocessing();
    private readonly PreparedFiles _prepared = new();
    private PicturePlan? _pictures;
    private SoundPlan? _sound;
    private string? _first;

    /// <summary>What was done so far, each part; null when nothing was read.</summary>
    public Preprocessing? Used => _pictures?.Used ?? _sound?.Used;

    /// <summary>The samples of one file.</summary>
    /// <exception cref="InvalidDataException">It cannot be read, or not become an input; the message names it and what helps.</exception>
    public ArrayFeeds Read(string path)
    {
        // The folder too: pictures of a class have the same names as those of another.
        var name = Path.Combine(Path.GetFileName(Path.GetDirectoryName(path)) ?? "", Path.GetFileName(path));
        var input = InputFor(name);
        var array = _prepared.Find(path);
        if (array is null)
        {
            try
            {
                var (values, shape) = Prepare(path, name, input);
                array = NpyArray.Of(values, shape);
            }
            catch (FormatException e)
            {
                throw new InvalidDataException($"{name}: {e.Message}", e);
            }
            _prepared.Keep(path, array);
        }
        var arrays = new Dictionary<string, NpyArray> { [input.Name] = array };
        if (_sound?.Used.SampleRate is { } rate)
        {
            foreach (var one in inputs.Where(IsRate)) arrays[one.Name] = NpyArray.Of([(long)rate]);
        }
        return ArrayFeeds.From(arrays, inputs, name, state);
    }

    private PreparedSamples Prepare(string path, string name, ModelInput input)
    {
        var taken = new MediaInput(input.Name, input.Extents) { WholeNumbers = LimitsOf(input.Type) };
        if (MediaFiles.IsPicture(path))
        {
            if (_sound is not null) throw SideBySide(picture: name, sound: _first!);
            _pictures ??= PicturePlan.Of(taken, Heeded("pictures", _asked.OfSound()));
            _first ??= name;
            return _pictures.Prepare(PictureFile.Read(path));
        }
        if (_pictures is not null) throw SideBySide(picture: _first!, sound: name);
        _sound ??= SoundPlan.Of(taken, Heeded("sound", _asked.OfPictures()));
        // A whole file as one window would be a sequence of a single step.
        if (_sound.Used.Window is null && state.Links.Count > 0)
            throw new InvalidDataException(
                "The model carries state from window to window of sound and takes windows of any length: say how many samples one has, "
                    + "as with --preprocess window=512 (in a build spec source.preprocessing.window).");
        _first ??= name;
        using var file = File.OpenRead(path);
        return _sound.Prepare(SoundFile.Read(file));
    }

    private static InvalidDataException SideBySide(string picture, string sound)
        => new($"{picture} is a picture and {sound} sound: put each kind into a folder of its own.");

    /// <summary>What was asked, where none of it is for the other kind.</summary>
    private Preprocessing Heeded(string kind, IReadOnlyList<string> ofOthers) => ofOthers.Count == 0 ? _asked
        : throw new InvalidDataException($"--preprocess (in a build spec source.preprocessing) gives {string.Join(", ", ofOthers)}, which "
            + $"{kind} do{(kind == "sound" ? "es" : "")} not have: leave that out.");

    private ModelInput InputFor(string name)
    {
        ModelInput[] fed = [.. inputs.Where(input => !IsRate(input) && state.Links.All(link => link.Input != input))];
        return fed is [var only] ? only : throw new InvalidDataException(
            $"{name} feeds one input, and the model takes {string.Join(", ", fed.Select(input => input.ToString()))}: give samples as npz "
                + "with an array for each.");
    }

    /// <summary>True for an input of one whole number that is told the rate of sound, as speech detectors are.</summary>
    private static bool IsRate(ModelInput input) => RateNames.Contains(input.Name) && input.Extents.Count == 0
        && (input.Type is TensorElementType.Int64 or TensorElementType.Int32);

    private static (double Low, double High)? LimitsOf(TensorElementType type) => type switch
    {
        TensorElementType.UInt8 => (byte.MinValue, byte.MaxValue),
        TensorElementType.Int8 => (sbyte.MinValue, sbyte.MaxValue),
        TensorElementType.Int32 or TensorElementType.Int64 => (int.MinValue, int.MaxValue),
        _ => null,
    };
}
