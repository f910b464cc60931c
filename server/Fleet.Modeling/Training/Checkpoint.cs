using System.Diagnostics;
using System.Text.Json;
using Fleet.Platform;
using static TorchSharp.torch;

namespace Fleet.Modeling.Training;

/// <summary>
/// One training on disk: its position, every tensor that it changes and the moments of its optimizers. A training that goes on from
/// here ends, on one thread, with the bits it would have had without the interruption: order and augmentation are functions of
/// the seed and the position, and nothing in a step draws from a generator that would have to be kept.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="interval">Longest time of work that is lost with the process.</param>
internal sealed class Checkpoint(string path, TimeSpan interval)
{
    private long _saved = Stopwatch.GetTimestamp();

    /// <summary>True when it is time to save again.</summary>
    public bool IsDue => Stopwatch.GetElapsedTime(_saved) >= interval;

    /// <summary>
    /// Keeps a training. The file is whole at every moment: the new one takes the old one's place when it is on the disk.
    /// </summary>
    public void Save(TrainingPosition position, IEnumerable<Tensor> tensors, IReadOnlyList<AdamW> optimizers)
    {
        var beside = path + ".new";
        using (var file = File.Create(beside))
        {
            using (var writer = new BinaryWriter(file, System.Text.Encoding.UTF8, leaveOpen: true))
            {
                writer.Write(JsonSerializer.Serialize(position));
                foreach (var optimizer in optimizers) writer.Write(optimizer.Steps);
                foreach (var tensor in tensors.Concat(optimizers.SelectMany(optimizer => optimizer.State))) Write(writer, tensor);
            }
            file.Flush(flushToDisk: true);
        }
        DurableFile.MoveIntoPlace(beside, path);
        _saved = Stopwatch.GetTimestamp();
    }

    /// <summary>Returns a training to where it was kept: <paramref name="tensors"/> and the optimizers are written in place.</summary>
    /// <returns>The position; the beginning when nothing is kept.</returns>
    public TrainingPosition Load(IEnumerable<Tensor> tensors, IReadOnlyList<AdamW> optimizers)
    {
        if (!File.Exists(path)) return TrainingPosition.Start;
        using var file = File.OpenRead(path);
        using var reader = new BinaryReader(file);
        try
        {
            var position = JsonSerializer.Deserialize<TrainingPosition>(reader.ReadString());
            foreach (var optimizer in optimizers) optimizer.Steps = reader.ReadInt64();
            foreach (var tensor in tensors.Concat(optimizers.SelectMany(optimizer => optimizer.State))) Read(reader, tensor);
            return position is not null && file.Position == file.Length ? position : throw Foreign();
        }
        catch (Exception e) when (e is EndOfStreamException or FormatException or JsonException)
        {
            throw Foreign(e);
        }
    }

    /// <summary>Forgets the training.</summary>
    public void Delete() => File.Delete(path);

    private static void Write(BinaryWriter writer, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var bytes = tensor.cpu().contiguous().bytes;
        writer.Write(bytes.Length);
        writer.Write(bytes);
    }

    private void Read(BinaryReader reader, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var kept = empty_like(tensor, device: CPU);
        var bytes = kept.bytes;
        if (reader.ReadInt32() != bytes.Length) throw Foreign();
        reader.BaseStream.ReadExactly(bytes);
        tensor.copy_(kept);
    }

    // The folder's digest says that spec and data are those of the file; what differs is the program.
    private BuildException Foreign(Exception? cause = null)
        => new($"{path} is not a checkpoint of this training, perhaps one of another version of this program; remove the folder to begin "
            + $"again.", cause);
}
