"""export_step: what it writes computes what eager mode computes, and what the user can get wrong is said."""

import os
import tempfile
import unittest
from unittest import mock

from support import TINY, needs, run_program, why_without

if why_without("torch") is None:
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Tied(nn.Module):
        """Embedding and head share a weight; `unused` takes no part."""

        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(7, 4)
            self.unused = nn.Linear(4, 4)
            self.head = nn.Linear(4, 7)
            self.head.weight = self.embedding.weight

        def forward(self, x):
            return self.head(self.embedding(x))

    class FunctionalDropout(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, x):
            return F.dropout(self.linear(x), 0.5, self.training)

    class DependsOnValues(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, x):
            return self.linear(x) if x.sum() > 0 else self.linear(-x)


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(folder.name, "step.pt2")


@needs("torch", "numpy")
class Zoo(WithFolder):
    def check_equals_eager(self, name):
        from placer_export import export_step, seeded, zoo
        from placer_export.step import make_step, mode

        torch.set_num_threads(1)
        model = zoo.build(name, "small", **TINY[name])
        inputs, targets = model.make_inputs(1), model.make_targets(1)
        summary = export_step(model.module, inputs, model.loss, self.path, targets=targets, dropout=False)
        self.assertEqual(summary.random, [])
        self.assertEqual(summary.without_gradient, [])
        got = run_program(self.path, 1)
        seeded.fill_state(model.module, 1)
        with mode(model.module, train=True, dropout=False):
            step = make_step(model.module, model.loss, len(inputs), len(targets))
            (loss,) = step(*inputs, *targets)
        loss.backward()
        (loss_key,) = [key for key in got if key[0] == "loss_output"]
        self.assertEqual(got[loss_key].item(), loss.item())
        for parameter_name, parameter in model.module.named_parameters():
            torch.testing.assert_close(got["gradient_to_parameter", parameter_name], parameter.grad, rtol=1e-4, atol=1e-6,
                                       msg=lambda text: f"{parameter_name}: {text}")
        for buffer_name, buffer in model.module.named_buffers():
            if ("buffer_mutation", buffer_name) in got:
                torch.testing.assert_close(got["buffer_mutation", buffer_name], buffer)
        return summary

    def test_inception_v3(self):
        operators = self.check_equals_eager("inception_v3").operators
        for whole in ("convolution", "convolution_backward", "native_batch_norm_backward"):
            self.assertEqual(operators[f"aten.{whole}.default"], 96)

    def test_resnet50(self):
        self.check_equals_eager("resnet50")

    def test_lstm_lm(self):
        self.check_equals_eager("lstm_lm")

    def test_nmt(self):
        self.check_equals_eager("nmt")

    def test_bert(self):
        self.check_equals_eager("bert")

    def test_moe(self):
        self.check_equals_eager("moe")

    def test_nasnet(self):
        self.check_equals_eager("nasnet")

    def test_dropout_stays_a_random_operator(self):
        from placer_export import export_step, zoo
        model = zoo.build("lstm_lm", "small", **TINY["lstm_lm"])
        summary = export_step(model.module, model.make_inputs(), model.loss, self.path, targets=model.make_targets())
        self.assertEqual(summary.random, ["aten.native_dropout.default"])


@needs("torchvision", "numpy")
class SameAsTorchvision(unittest.TestCase):
    def check_state(self, name, other):
        from placer_export import zoo
        ours = zoo.build(name).module.state_dict()
        self.assertEqual([(key, value.shape) for key, value in ours.items()],
                         [(key, value.shape) for key, value in other.state_dict().items()])

    def test_inception_v3(self):
        import torchvision
        self.check_state("inception_v3", torchvision.models.inception_v3(weights=None, init_weights=False))

    def test_resnet50(self):
        import torchvision
        self.check_state("resnet50", torchvision.models.resnet50(weights=None))


@needs("torch", "numpy")
class Program(WithFolder):
    def setUp(self):
        super().setUp()
        self.x = torch.tensor([1, 2])

    def export(self, module, inputs, loss, **options):
        from placer_export import export_step
        return export_step(module, inputs, loss, self.path, **options)

    def signature(self):
        return torch.export.load(self.path).graph_signature

    def test_names_are_the_modules_own(self):
        def loss(output, label):
            return F.cross_entropy(output, label)

        self.export(nn.Sequential(nn.Linear(4, 3)), (torch.randn(2, 4),), loss, targets=(self.x,))
        signature = self.signature()
        self.assertEqual(list(signature.parameters), ["0.weight", "0.bias"])
        self.assertEqual(list(signature.user_inputs), ["input", "label"])

    def test_an_input_and_a_target_of_one_name_are_told_apart(self):
        self.export(nn.Linear(4, 3), (torch.randn(2, 4),), lambda output, input: F.cross_entropy(output, input), targets=(self.x,))
        self.assertEqual(list(self.signature().user_inputs), ["input", "input_target"])

    def test_tied_weights_are_one_parameter_and_unused_ones_get_no_gradient(self):
        summary = self.export(Tied(), (self.x,), F.cross_entropy, targets=(self.x,))
        self.assertEqual(summary.without_gradient, ["unused.weight", "unused.bias"])
        signature = self.signature()
        self.assertNotIn("head.weight", signature.parameters)
        self.assertEqual(sorted(signature.backward_signature.gradients_to_parameters.values()), ["embedding.weight", "head.bias"])

    def test_tied_weights_in_inference(self):
        summary = self.export(Tied(), (self.x,), None)
        self.assertEqual(summary.operators, {"aten.embedding.default": 1, "aten.linear.default": 1})
        self.assertNotIn("head.weight", self.signature().parameters)

    def test_fused_attention_without_dropout_is_not_random(self):
        class Attention(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(8, 8)

            def forward(self, x):
                x = self.linear(x).unsqueeze(1)
                return F.scaled_dot_product_attention(x, x, x)

        summary = self.export(Attention(), (torch.randn(2, 4, 8),), torch.sum, dropout=False)
        self.assertIn("aten._scaled_dot_product_flash_attention_for_cpu.default", summary.operators)

    def test_a_frozen_parameter_gets_no_gradient(self):
        module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
        module[0].requires_grad_(False)
        self.export(module, (torch.randn(2, 4),), F.cross_entropy, targets=(self.x,))
        self.assertEqual(list(self.signature().backward_signature.gradients_to_parameters.values()), ["1.weight", "1.bias"])

    def test_evaluation_mode_step_uses_running_statistics(self):
        module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout())
        summary = self.export(module, (torch.randn(2, 4),), F.cross_entropy, targets=(self.x,), train=False)
        self.assertEqual(summary.random, [])
        self.assertEqual(self.signature().buffers_to_mutate, {})

    def test_the_module_is_left_as_it_was(self):
        module = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.3), nn.LSTM(3, 3, num_layers=2, dropout=0.2))
        module.eval()
        module[1].train()
        weights = {name: value.clone() for name, value in module.state_dict().items()}
        self.export(module, (torch.randn(5, 2, 4),), lambda output: output[0].sum(), dropout=False)
        self.assertEqual([child.training for child in module], [False, True, False])
        self.assertEqual((module[1].p, module[2].dropout), (0.3, 0.2))
        self.assertIs(type(module), nn.Sequential)
        for name, value in module.state_dict().items():
            self.assertTrue(torch.equal(value, weights[name]))

    def test_same_model_same_operations(self):
        runs = []
        for _ in range(2):
            torch.manual_seed(0)
            self.export(Tied(), (self.x,), F.cross_entropy, targets=(self.x,))
            runs.append([(node.name, str(node.target), str(node.args)) for node in torch.export.load(self.path).graph.nodes])
        self.assertEqual(*runs)


@needs("torch", "numpy")
class Mistakes(WithFolder):
    def check(self, expected, module, inputs, loss, path=None, **options):
        from placer_export import ExportError, export_step
        with self.assertRaisesRegex(ExportError, expected):
            export_step(module, inputs, loss, path or self.path, **options)
        self.assertEqual(os.listdir(self.folder), [])

    def setUp(self):
        super().setUp()
        self.linear = nn.Linear(4, 3)
        self.x = torch.randn(2, 4)
        self.target = torch.tensor([0, 1])

    def test_paths(self):
        self.check("must end in .pt2", self.linear, (self.x,), None, "step.onnx")
        self.check("the folder .* does not exist", self.linear, (self.x,), None, os.path.join(self.folder, "no", "step.pt2"))

    def test_module(self):
        self.check("expected a torch.nn.Module", F.relu, (self.x,), None)

    def test_inputs(self):
        self.check("must be a tuple of tensors", self.linear, ({"x": self.x},), None)
        self.check("Linear.forward takes 1 example inputs, 2 given", self.linear, (self.x, self.x), F.cross_entropy)
        self.check("Linear.forward needs 1 example inputs, 0 given: input missing", self.linear, (), F.cross_entropy)
        self.check("cannot trace Linear", self.linear, (torch.randn(2, 5),), None)

    def test_loss(self):
        self.check("the loss needs 1 targets, 0 given: target missing", self.linear, (self.x,), F.cross_entropy)
        self.check(r"must be a scalar tensor, got shape \(2, 3\)", self.linear, (self.x,), lambda output: output)
        self.check("got tuple", self.linear, (self.x,), lambda output: (output.sum(),))
        self.check("depends on no parameter", self.linear, (self.x,), lambda output: output.detach().sum())

    def test_nothing_to_train(self):
        self.check("depends on no parameter", self.linear.requires_grad_(False), (self.x,), F.cross_entropy, targets=(self.target,))

    def test_a_decision_on_values(self):
        self.check("cannot trace DependsOnValues.*", DependsOnValues(), (self.x,), F.cross_entropy, targets=(self.target,))

    def test_random_operators_left_without_dropout(self):
        self.check("still has random operators: aten.native_dropout.default", FunctionalDropout(), (self.x,), F.cross_entropy,
                   targets=(self.target,), dropout=False)

    def test_hooks_and_replaced_forward(self):
        handle = self.linear.register_forward_hook(lambda *_: None)
        self.check("has forward hooks", self.linear, (self.x,), F.cross_entropy, targets=(self.target,))
        handle.remove()
        self.linear.forward = self.linear.forward
        self.check("has been replaced on the instance", self.linear, (self.x,), F.cross_entropy, targets=(self.target,))

    def test_a_device_other_than_the_cpu(self):
        self.check("weight is on meta: export on the CPU", self.linear.to("meta"), (self.x,), None)

    def test_another_torch_says_what_it_lacks(self):
        import torch.export.experimental as experimental
        with mock.patch.object(experimental, "_copy_graph_module_and_signature", create=True):
            del experimental._copy_graph_module_and_signature
            self.check("lacks what the exporter needs:\n  torch.export.experimental._copy_graph_module_and_signature\n"
                       "[^$]*tested with torch 2.11", self.linear, (self.x,), None)

    def test_without_torch(self):
        with mock.patch("importlib.import_module", side_effect=ImportError("no torch here")):
            self.check("cannot be imported: no torch here\nInstall it", self.linear, (self.x,), None)


if __name__ == "__main__":
    unittest.main()
