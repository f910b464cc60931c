using Fleet.Contracts.Media;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Tests.Models;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Tests.Media;

/// <summary>The stated formula of resizing, against what ONNX says of it and what ONNX Runtime computes.</summary>
public sealed class PictureResizingTests
{
    [Fact]
    public void Examples_of_the_onnx_specification_come_out()
    {
        // resize_upsample_scales_linear of the operator's test cases.
        Near([1, 1.25f, 1.75f, 2, 1.5f, 1.75f, 2.25f, 2.5f, 2.5f, 2.75f, 3.25f, 3.5f, 3, 3.25f, 3.75f, 4],
            Resize(Grey(2, 2, 1, 2, 3, 4), 4, 4, antialias: false));
    }

    [Fact]
    public void Pixels_count_less_the_farther_they_are_and_none_is_counted_outside()
    {
        // Three pixels of four: the first new centre is at 2/3. Centres of old ones, at 1/2 and 3/2, are 1/6 and 5/6 away, the reach is
        // 4/3: 7/8 and 3/8, of both 0.7 and 0.3. The second lies between two old ones, and the others are farther away than the reach.
        Near([0.7f * 10 + 0.3f * 20, 25, 0.3f * 30 + 0.7f * 80],
            Resize(Grey(4, 1, 10, 20, 30, 80), 3, 1, antialias: true));
        // Without, only the two nearest: 5/6 and 1/6.
        Near([10 * 5 / 6f + 20 / 6f, 25, 30 / 6f + 80 * 5 / 6f], Resize(Grey(4, 1, 10, 20, 30, 80), 3, 1, antialias: false));
    }

    [Theory]
    [InlineData(31, 17, 9, 23)]
    [InlineData(7, 5, 40, 3)]
    [InlineData(64, 48, 20, 20)]
    [InlineData(1, 1, 3, 2)]
    [InlineData(50, 3, 1, 1)]
    public void Pictures_come_out_as_onnx_runtime_resizes_them(int width, int height, int newWidth, int newHeight)
    {
        var bytes = new byte[width * height];
        new Random(1).NextBytes(bytes);
        foreach (var antialias in new[] { false, true })
            Near(WithOnnxRuntime(bytes, width, height, newWidth, newHeight, antialias),
                Resize(Grey(width, height, bytes), newWidth, newHeight, antialias), within: 0.002f);
    }

    [Fact]
    public void Grey_of_colours_is_their_weighted_sum_as_in_bt_601()
    {
        var picture = new Picture(2, 1, IsGrey: false, Step: 3, [255, 0, 0, 10, 20, 30]);
        Near([255 * 0.299f, 10 * 0.299f + 20 * 0.587f + 30 * 0.114f],
            [.. PictureResizing.Colours(picture, channels: 1).Select(value => value * 255)], within: 0.001f);
    }

    private static float[] Resize(Picture picture, int width, int height, bool antialias)
        => [.. PictureResizing.Resize(picture, PicturePart.All(picture), width, height, 1, antialias).Select(value => value * 255)];

    private static Picture Grey(int width, int height, params byte[] values) => new(width, height, IsGrey: true, Step: 1, values);

    private static float[] WithOnnxRuntime(byte[] bytes, int width, int height, int newWidth, int newHeight, bool antialias)
    {
        var model = new GraphBuilder(18).Input("x", 1, 1, height, width).Output("y", 1, 1, newHeight, newWidth)
            .Constant(Tensors.Of("sizes", [1L, 1L, newHeight, newWidth], 4))
            .Node("Resize", ["x", "", "", "sizes"], "y", node =>
            {
                node.With("mode", "linear");
                node.With("coordinate_transformation_mode", "half_pixel");
                if (antialias) node.With("antialias", 1L).With("exclude_outside", 1L);
            }).Build();
        using var session = OnnxRuntimeSession.Open(model.ToByteArray(), "resize");
        using var value = OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(bytes, one => (float)one), [1, 1, height, width]);
        using var results = session.Run(new RunOptions(), ["x"], [value], ["y"]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }

    private static void Near(float[] expected, float[] actual, float within = 1e-4f)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++) Assert.InRange(actual[i], expected[i] - within, expected[i] + within);
    }
}
