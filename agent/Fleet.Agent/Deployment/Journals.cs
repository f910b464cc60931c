using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment;

/// <summary>The journals of all models. Every change is on disk before the agent acts on it.</summary>
internal sealed partial class Journals
{
    private readonly Lock _lock = new();
    private readonly DataFolder _folder;
    private readonly ILogger<Journals> _logger;
    private volatile IReadOnlyDictionary<string, ModelJournal> _all;

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
                if (journal is not null) all[journal.Model] = journal;
            }
            catch (JsonException e)
            {
                // Set aside rather than deleted: the model is deployed again, and someone may want to look.
                LogUnreadable(path, e.Message);
                File.Move(path, path + ".unreadable", overwrite: true);
            }
        }
        _all = all;
    }

    /// <summary>A snapshot of all journals.</summary>
    public IReadOnlyDictionary<string, ModelJournal> All => _all;

    /// <summary>The journal of a model; an empty one when it is new.</summary>
    public ModelJournal Of(string model) => _all.GetValueOrDefault(model) ?? new ModelJournal { Model = model };

    /// <summary>Writes a journal to disk.</summary>
    public void Write(ModelJournal journal) => Change(journal.Model, _ => journal);

    /// <summary>Writes the journal of a model as it is after a change, and returns it.</summary>
    public ModelJournal Change(string model, Func<ModelJournal, ModelJournal> change)
    {
        lock (_lock)
        {
            var before = Of(model);
            var journal = change(before);
            if (ReferenceEquals(before, journal)) return journal;
            var content = JsonSerializer.SerializeToUtf8Bytes(journal, JournalJson.Default.ModelJournal);
            DurableFile.Write(Path.Combine(_folder.Journals, model + ".json"), content);
            _all = new SortedDictionary<string, ModelJournal>(_all.ToDictionary(), StringComparer.Ordinal) { [model] = journal };
            return journal;
        }
    }

    /// <summary>Acts on all journals while none of them changes.</summary>
    public void Hold(Action<IReadOnlyDictionary<string, ModelJournal>> act)
    {
        lock (_lock) act(_all);
    }

    [LoggerMessage(LogLevel.Error, "Journal {Path} is unreadable ({Reason}); it is set aside and the model is deployed again.")]
    private partial void LogUnreadable(string path, string reason);
}
