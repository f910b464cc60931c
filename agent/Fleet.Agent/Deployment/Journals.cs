using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment;

/// <summary>
/// The journals of all models. Every change is on disk before the agent acts on it. What changes of several models together is on disk
/// for all of them or for none, whenever the agent ends.
/// </summary>
internal sealed partial class Journals
{
    private readonly Lock _lock = new();
    private readonly DataFolder _folder;
    private readonly ILogger<Journals> _logger;
    private volatile IReadOnlyDictionary<string, ModelJournal> _all;
    /// <summary>Journals that count already and may not be in their own files yet; null when there are none.</summary>
    private IReadOnlyList<ModelJournal>? _unfinished;

    /// <summary>Reads the journals that an earlier run left.</summary>
    public Journals(DataFolder folder, ILogger<Journals> logger)
    {
        (_folder, _logger) = (folder, logger);
        var all = new SortedDictionary<string, ModelJournal>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(folder.Journals, "*.json"))
        {
            try
            {
                var journal = JsonSerializer.Deserialize(File.ReadAllBytes(path), JournalJson.Default.ModelJournal);
                if (journal is not null) all[journal.Model] = journal.Read();
            }
            catch (JsonException e)
            {
                SetAside(path, e);
            }
        }
        _unfinished = ReadChanging();
        foreach (var journal in _unfinished ?? []) all[journal.Model] = journal;
        _all = all;
    }

    /// <summary>A snapshot of all journals.</summary>
    public IReadOnlyDictionary<string, ModelJournal> All => _all;

    /// <summary>The journal of a model; an empty one when it is new.</summary>
    public ModelJournal Of(string model) => _all.GetValueOrDefault(model) ?? new ModelJournal { Model = model };

    /// <summary>Writes a journal to disk.</summary>
    public void Write(ModelJournal journal) => Write([journal]);

    /// <summary>Writes journals to disk, all of them or none.</summary>
    public void Write(IReadOnlyList<ModelJournal> journals)
    {
        lock (_lock) Store(journals);
    }

    /// <summary>Writes the journal of a model as it is after a change, and returns it.</summary>
    public ModelJournal Change(string model, Func<ModelJournal, ModelJournal> change) => Change([model], change)[0];

    /// <summary>Writes the journals of models as they are after a change, all of them or none, and returns them.</summary>
    public IReadOnlyList<ModelJournal> Change(IEnumerable<string> models, Func<ModelJournal, ModelJournal> change)
    {
        lock (_lock)
        {
            (ModelJournal Before, ModelJournal After)[] pairs =
                [.. models.Select(model => Of(model)).Select(before => (before, change(before)))];
            Store([.. pairs.Where(pair => !ReferenceEquals(pair.Before, pair.After)).Select(pair => pair.After)]);
            return [.. pairs.Select(pair => pair.After)];
        }
    }

    /// <summary>Acts on all journals while none of them changes.</summary>
    public void Hold(Action<IReadOnlyDictionary<string, ModelJournal>> act)
    {
        lock (_lock) act(_all);
    }

    private void Store(IReadOnlyList<ModelJournal> journals)
    {
        Finish();
        if (journals.Count == 0) return;
        if (journals.Count == 1) WriteFile(journals[0]);
        else
        {
            // From here on all of them count, however many get into their own files: a start reads this one last.
            IReadOnlyList<ModelJournal> changing =
                [.. journals.Select(journal => journal.Written() with { Replaces = DigestOf(PathOf(journal.Model)) })];
            DurableFile.Write(
                _folder.ChangingJournals, JsonSerializer.SerializeToUtf8Bytes(changing, JournalJson.Default.IReadOnlyListModelJournal));
            _unfinished = journals;
        }
        var all = new SortedDictionary<string, ModelJournal>(_all.ToDictionary(), StringComparer.Ordinal);
        foreach (var journal in journals) all[journal.Model] = journal;
        _all = all;
        Finish();
    }

    /// <summary>Brings what changed together into the files of its models; nothing else is written before that is done.</summary>
    private void Finish()
    {
        if (_unfinished is null) return;
        foreach (var journal in _unfinished) WriteFile(journal);
        File.Delete(_folder.ChangingJournals);
        DurableFile.FlushFolder(_folder.Journals);
        _unfinished = null;
    }

    private void WriteFile(ModelJournal journal) => DurableFile.Write(
        PathOf(journal.Model), JsonSerializer.SerializeToUtf8Bytes(journal.Written(), JournalJson.Default.ModelJournal));

    private string PathOf(string model) => Path.Combine(_folder.Journals, model + ".json");

    private static string DigestOf(string path)
        => DurableFile.Read(path) is { } content ? Convert.ToHexStringLower(SHA256.HashData(content)) : "";

    /// <summary>
    /// What a kill kept from its own files. A file that is not the one it was to replace holds the change already, or was written after it
    /// by an agent that does not know this one: it counts as it is.
    /// </summary>
    private IReadOnlyList<ModelJournal>? ReadChanging()
    {
        if (DurableFile.Read(_folder.ChangingJournals) is not { } content) return null;
        try
        {
            var changing = JsonSerializer.Deserialize(content, JournalJson.Default.IReadOnlyListModelJournal) ?? [];
            return
            [
                .. changing.Where(journal => journal.Replaces is not { } before || before == DigestOf(PathOf(journal.Model)))
                    .Select(journal => journal.Read()),
            ];
        }
        catch (JsonException e)
        {
            SetAside(_folder.ChangingJournals, e);
            return null;
        }
    }

    /// <summary>Set aside rather than deleted: what it was of is deployed again, and someone may want to look.</summary>
    private void SetAside(string path, JsonException unreadable)
    {
        LogUnreadable(path, unreadable.Message);
        File.Move(path, path + ".unreadable", overwrite: true);
    }

    [LoggerMessage(LogLevel.Error, "Journal {Path} is unreadable ({Reason}); it is set aside and the model is deployed again.")]
    private partial void LogUnreadable(string path, string reason);
}
