using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.TestKit;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// Twelve kinds of model: what the command makes with its defaults against every file that the peer makes, judged on samples that neither
/// calibrated nor chose.
/// </summary>
internal sealed class ContestBenchmark : IDisposable
{
    private const int Given = 16, UnseenSeed = BenchmarkModels.Unseen + 1;

    private const string Profile = "x64";

    private static readonly PairTime Pairs = new(TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(3), 1.03);

    /// <summary>Its own names of what it makes, and its options. By layer and channel unless the name says otherwise.</summary>
    private static readonly (string Name, string[] Options, bool Calibrates)[] PeersFiles = [
        ("minmax u8s8", ["--method", "minmax"], true), ("entropy u8s8", ["--method", "entropy"], true),
        ("percentile u8s8", ["--method", "percentile"], true), ("minmax u8u8", ["--method", "minmax", "--weight", "u8"], true),
        ("minmax u8s8, per tensor", ["--method", "minmax", "--per-tensor"], true),
        ("dynamic s8", ["--method", "dynamic"], false), ("dynamic u8", ["--method", "dynamic", "--weight", "u8"], false),
        ("int4, block 32", ["--method", "int4"], false),
    ];

    private readonly ContestModel _model;
    private readonly ContestTable _table;
    private readonly TemporaryFolder _folder = new();
    private readonly CancellationToken _cancellationToken;
    private readonly IFeedSource _unseen;
    private readonly Baseline _baseline;
    private readonly ContestFile _given, _prepared;
    private readonly InferenceSession _preparedSession;

    private ContestBenchmark(ContestModel model, ContestTable table, CancellationToken cancellationToken)
    {
        (_model, _table, _cancellationToken) = (model, table, cancellationToken);
        foreach (var (part, seed) in new[] { ("calibration", 1), ("validation", 2) })
            SampleFiles.Write(model.Model.Samples(Given, seed), _folder[part], _folder[part + ".npz"], model.PeersOwn);
        // Half of what is judged by would choose, if there were anything to choose.
        _unseen = model.Model.Feeds(2 * model.Unseen, UnseenSeed, _folder);
        _baseline = Baseline.Measure(Copied(model.Model.Path), HeldOut.Of(_unseen), cancellationToken);
        var prepared = _folder["prepared.onnx"];
        OnnxFile.Save(PreparedModel.From(model.Model.Path, _folder.Path).Model, prepared);
        _preparedSession = OnnxRuntimeSession.Open(prepared, OnnxRuntimeSession.Plain);
        _given = Judged("fp32, as given", model.Model.Path, _baseline.Session);
        _prepared = Judged("fp32, prepared", prepared, _preparedSession);
    }

    /// <param name="arguments">Of the program: <c>--only MODEL</c>, <c>--effort WORD</c>, <c>--copy FOLDER</c>.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<string> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        string? After(string option) => arguments.SkipWhile(argument => argument != option).Skip(1).FirstOrDefault();
        var (only, effort) = (After("--only"), After("--effort") ?? "balanced");
        ContestModel[] models = [.. ContestModels.All()];
        var table = new ContestTable(models.Select(model => model.Model.Name));
        foreach (var model in models.Where(model => only is null || model.Model.Name == only))
        {
            if (!File.Exists(model.Model.Path))
            {
                Console.Error.WriteLine($"{model.Model.Name}: there is no {model.Model.Path}; set {BenchmarkModels.Variable}.");
                continue;
            }
            table.Clear(model.Model.Name);
            using var one = new ContestBenchmark(model, table, cancellationToken);
            await one.RunAsync(effort);
            if (After("--copy") is { } copy) CopyTo(Directory.CreateDirectory(Path.Combine(copy, model.Model.Name)), one._folder.Path);
            if (arguments.Contains("--write")) await ResultFile.WriteAsync(ContestTable.Name, Text(models, table), cancellationToken);
        }
        return Text(models, table);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _preparedSession.Dispose();
        _baseline.Dispose();
        _folder.Dispose();
    }

    private async Task RunAsync(string effort)
    {
        var name = _model.Model.Name;
        var bytes = _given.Bytes;
        void Add(ContestFile file, ProgramCost? cost, string verdict) => _table.Add(name, file, (double)file.Bytes / bytes, cost, verdict);
        Add(_given, null, "");
        Add(_prepared, null, "");
        var (cost, report) = await QuantizeProgram.RunAsync(
            new QuantizationRequest
            {
                Source = new SourceSpec
                {
                    Onnx = _model.Model.Path,
                    Calibration = _folder["calibration"],
                    Validation = _folder["validation"],
                },
                Quantization = new QuantizationSpec { Effort = effort, Profiles = [Profile] },
            },
            _folder["ours"], Repository.Root, _cancellationToken);
        var ours = new List<ContestFile>();
        foreach (var variant in report.Variants.Where(variant => variant is { Artifact: not null, Scheme: not "fp32" }))
        {
            var mark = variant.Chosen ? ", chosen" : variant.Accepted ? "" : ", rejected";
            if (Opened($"{variant.Id}{mark}", _folder["ours", variant.Artifact!.Name], variant.Runtime) is not { } file) continue;
            ours.Add(file);
            Add(file, null, variant.Accepted ? "" : string.Join(' ', variant.Reasons.Take(1)));
        }
        _table.Add(name, $"all of ours, {effort}", cost,
            $"chosen: {report.Variants.FirstOrDefault(variant => variant.Chosen)?.Id ?? "none"}");
        foreach (var peer in PeersFiles) await EnterPeerAsync(peer, ours, Add);
        if (!Peers.ArePresent) _table.Add(name, "peer", null, Peers.Absent);
    }

    private async Task EnterPeerAsync((string Name, string[] Options, bool Calibrates) peer, List<ContestFile> ours,
        Action<ContestFile, ProgramCost?, string> add)
    {
        if (!Peers.ArePresent) return;
        var path = _folder[$"peer {peer.Name}.onnx"];
        ProgramCost cost;
        try
        {
            cost = await Peers.CostOfQuantizingAsync(PeerModel.Of(_model.Model.Path, _folder), path,
                peer.Calibrates ? [.. peer.Options, "--calibration", _folder["calibration.npz"]] : peer.Options, _cancellationToken);
        }
        catch (InvalidOperationException e)
        {
            _table.Add(_model.Model.Name, $"peer, {peer.Name}", null, "could not be made: " + LastLine(e.Message));
            return;
        }
        // As it is when nothing is set, and with the setting that keeps products of signed bytes from saturating, where that matters.
        var plain = Opened($"peer, {peer.Name}", path, OnnxRuntimeSession.Plain);
        if (plain is null) return;
        var widened = Opened($"peer, {peer.Name}, widened", path, BuiltInProfiles.X64.Runtime);
        foreach (var file in new[] { plain, widened?.Decibels > plain.Decibels + 0.2 ? widened : null }.OfType<ContestFile>())
            add(file, cost, ContestFile.Verdict(file, [.. ours, _prepared]));
    }

    private ContestFile? Opened(string name, string path, RuntimeSettings settings)
    {
        try
        {
            using var session = OnnxRuntimeSession.Open(path, settings.On(ThisMachine.Facts.IsaFlags));
            return Judged(name, path, session);
        }
        catch (Exception e) when (e is InvalidDataException or OnnxRuntimeException)
        {
            _table.Add(_model.Model.Name, name, null, "does not run: " + LastLine(e.Message));
            return null;
        }
    }

    private ContestFile Judged(string name, string path, InferenceSession session)
    {
        RelativeSpeed Beside(InferenceSession original) => original == session
            ? RelativeSpeed.Original
            : LatencyRun.Pair(original, session, _unseen, everyThread: false, Pairs, _cancellationToken).Speed;
        return new ContestFile(name, OnnxFile.BytesOf(path), _baseline.Tell(session, _cancellationToken), Beside(_baseline.Session),
            Beside(_preparedSession));
    }

    /// <summary>Samples, reports and models, to look into a loss with.</summary>
    private static void CopyTo(DirectoryInfo target, string folder)
    {
        var files = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories);
        foreach (var file in files.Where(file => Path.GetExtension(file) != ".outputs"))
        {
            var copy = Path.Combine(target.FullName, Path.GetRelativePath(folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy, overwrite: true);
        }
    }

    /// <summary>What is kept of the float model's outputs lies beside its file, whose folder may not be ours.</summary>
    private string Copied(string path)
    {
        File.Copy(path, _folder["model.onnx"]);
        return _folder["model.onnx"];
    }

    private static string Text(ContestModel[] models, ContestTable table) => string.Create(CultureInfo.InvariantCulture,
        $"""
        Every kind is quantized by `fleet-quantize` for the profile x64 with its defaults (effort as told), given {Given} samples to
        calibrate and {Given} others to judge, and by ONNX Runtime's quantizer (`../shared/peers`) in each of its ways, given the same
        samples to calibrate. All files are then judged on samples of another seed, from the part that the data sets apart for tests
        where it does. Decibels are over all outputs against fp32 as given; their interval is a bootstrap's. Speeds are processor time,
        in pairs of calls with fp32 (above 1 is faster than fp32). Our files run with the settings that they name; the peer's run with
        none, and a second time with `session.x64quantprecision=1` where that is closer. What making took is of all processes, memory of
        the largest. `--only MODEL` makes the rows of one model again and keeps the others; `--only none` writes the text anew.

        The verdict on a file of the peer's: none of our files with as few bytes may be less close (told by the same draws of both), and the
        fastest of ours that is as close, fp32 as prepared among them, may not have less than 0.95 of its speed.

        {string.Join('\n', models.Select(model => $"- {model.Model.Name}: {model.About}"))}

        {table.Body()}
        {Losses(models, table)}

        {PublishedFigures.Beside(table)}
        """);

    private static string Losses(ContestModel[] models, ContestTable table)
    {
        string[] losses = [
            .. models.Where(model => table.HasLossOf(model.Model.Name))
                .Select(model => $"- {model.Model.Name}: {model.Cause ?? "the cause is not known."}"),
        ];
        return losses.Length == 0 ? "No file of the peer's is ahead of ours." : "Losses and their causes:\n\n" + string.Join('\n', losses);
    }

    /// <summary>What a refusal ends with, without the paths before it.</summary>
    private static string LastLine(string text)
        => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^1].Split("failed:")[^1];
}
