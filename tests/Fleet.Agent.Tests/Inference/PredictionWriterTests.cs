using System.Text.Json.Nodes;
using Fleet.Agent.Inference;
using Fleet.Contracts.Tasks;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Agent.Tests.Inference;

/// <summary>Outputs of every type are answered as what they are, however many instances there are.</summary>
public sealed class PredictionWriterTests
{
    [Fact]
    public void Answer_to_many_instances_takes_memory_by_their_number_alone()
    {
        using var value = OrtValue.CreateTensorValueFromMemory(new long[4000], [4000, 1]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var predictions = Write(ModelTask.Regression, [], 4000, (Tensor(TensorElementType.Int64), value));
        // Converted for each instance it would be 12 bytes for each pair of instances, 192 MB.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
        Assert.Equal(4000, predictions.Count);
    }

    [Fact]
    public void Integers_truth_values_and_texts_are_answered_as_such()
    {
        static string One<T>(TensorElementType element, params T[] values)
            where T : unmanaged
        {
            using var value = OrtValue.CreateTensorValueFromMemory(values, [1, values.Length]);
            return Write(ModelTask.Outputs, [], 1, (Tensor(element), value))[0]!["outputs"]!["y"]!.ToJsonString();
        }
        Assert.Equal("[9007199254740993,-1]", One(TensorElementType.Int64, 9007199254740993, -1));
        Assert.Equal("[18446744073709551615]", One(TensorElementType.UInt64, ulong.MaxValue));
        Assert.Equal("[16777217]", One(TensorElementType.Int32, 16777217));
        Assert.Equal("[200,1]", One<byte>(TensorElementType.UInt8, 200, 1));
        Assert.Equal("[-128]", One(TensorElementType.Int8, sbyte.MinValue));
        Assert.Equal("[true,false]", One(TensorElementType.Bool, true, false));
        Assert.Equal("[0.1]", One(TensorElementType.Double, 0.1));
        Assert.Equal("[0.5]", One(TensorElementType.Float16, (Float16)0.5f));

        using var words = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, [2, 1]);
        words.StringTensorSetElementAt("left".AsSpan(), 0);
        words.StringTensorSetElementAt("ä".AsSpan(), 1);
        Assert.Equal("ä", (string)Write(ModelTask.Outputs, [], 2, (Tensor(TensorElementType.String), words))[1]!["outputs"]!["y"]![0]!);
    }

    [Fact]
    public void Scores_of_any_type_decide_and_other_outputs_are_not_asked_for_rows()
    {
        using var scores = OrtValue.CreateTensorValueFromMemory<byte>([0, 255, 255, 0], [2, 2]);
        using var sum = OrtValue.CreateTensorValueFromMemory([1f], [1]);
        var predictions = Write(ModelTask.Classification, ["a", "b"], 2,
            (Tensor(TensorElementType.UInt8), scores), (Tensor(TensorElementType.Float) with { Name = "sum" }, sum));
        Assert.Equal("b a", $"{predictions[0]!["class"]} {predictions[1]!["class"]}");
        var refused = Assert.Throws<InferenceException>(() => Write(ModelTask.Outputs, [], 2,
            (Tensor(TensorElementType.UInt8), scores), (Tensor(TensorElementType.Float) with { Name = "sum" }, sum)));
        Assert.StartsWith("Output 'sum' does not have a row for each instance", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Number_that_is_none_is_refused_by_the_name_of_its_output()
    {
        using var value = OrtValue.CreateTensorValueFromMemory([1, double.NaN], [1, 2]);
        Assert.StartsWith("Output 'y' holds NaN, which JSON cannot express", Assert.Throws<InferenceException>(
            () => Write(ModelTask.Outputs, [], 1, (Tensor(TensorElementType.Double), value))).Message, StringComparison.Ordinal);
    }

    private static OnnxTensor Tensor(TensorElementType element) => new("y", element, Datatypes.NameOf(element)!, [-1, -1]);

    private static JsonArray Write(
        ModelTask task, string[] classes, int count, params IReadOnlyList<(OnnxTensor Tensor, OrtValue Value)> outputs)
    {
        using var buffer = new PooledBuffer();
        PredictionWriter.Write(buffer, HostFixture.Model("m.onnx", 1, "m", classes) with { Task = task }, outputs,
            [.. Enumerable.Repeat<IReadOnlyList<string>>([], count)]);
        return JsonNode.Parse(buffer.Written.Span)!["predictions"]!.AsArray();
    }
}
